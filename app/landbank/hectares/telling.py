"""Rows of an answer told in JSON column by column: thousands of them without a Python object for each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from app.landbank.hectares.labels import Names
from app.landbank.hectares.links import Links
from app.landbank.hectares.queries import Columns, Told
from app.landbank.hectares.query import PIECES

Part = Any
"""A text that all rows share, or a column of texts."""


def rows_in_json(columns: Columns, names: Names, links: Links, address: str) -> orjson.Fragment:
    """A JSON array of rows, each as ``app.landbank.schemas`` tells one that has no printed figure, in hectares.

    ``address``: what stands before each link.
    """
    if not len(columns.parcels):
        return orjson.Fragment(b"[]")
    dimensions = [_used(told) for told in columns.told]
    metres, overlap, land = (
        pc.cast(pa.array(numbers), pa.string())
        for numbers in (columns.square_metres, columns.overlap, columns.square_metres - columns.overlap)
    )
    parts: list[Part] = ["{"]
    for told in dimensions:
        parts += [f'"{told.keys[0][0]}":', _taken(told, [_json(code) for _, code in told.keys]), ","]
    parts += ['"labels":{"zh":"', *_labels(dimensions, names, 0), '","en":"', *_labels(dimensions, names, 1), '"}']
    parts += [',"hectares":"', *_decimal(metres, 8), '","square_metres":"', *_decimal(metres, 4)]
    parts += ['","overlap_square_metres":"', *_decimal(overlap, 4), '","land_square_metres":"', *_decimal(land, 4)]
    parts += ['","parcels":', pc.cast(pa.array(columns.parcels), pa.string())]
    parts += [',"links":[{"rel":"parcels","href":"', _json(address)[1:-1], *_addresses(dimensions, links), '"}]}']
    rows = pc.binary_join_element_wise(*parts, "").cast(pa.binary()).to_pylist()
    return orjson.Fragment(b"[" + b",".join(rows) + b"]")


def _used(told: Told) -> Told:
    """A dimension with those of its codes alone that rows have: of others a link may have nothing to say."""
    used, places = np.unique(told.places, return_inverse=True)
    return Told([told.keys[place] for place in used.tolist()], places)


def _labels(columns: Sequence[Told], names: Names, language: int) -> list[Part]:
    parts: list[Part] = []
    for told in columns:
        parts += [" · " if parts else "", _taken(told, [_json(names.of((key,))[language])[1:-1] for key in told.keys])]
    return parts


def _addresses(columns: Sequence[Told], links: Links) -> list[Part]:
    """The parts of every row's link: parameters that rows share, and those that a row's codes change."""
    shared = links.parameters(())
    found: dict[str, Part] = dict(shared)
    for told in columns:
        own = [links.parameters((key,)) for key in told.keys]
        for name in own[0]:
            texts = [parameters[name] for parameters in own]
            if set(texts) != {shared.get(name)}:
                found[name] = _taken(told, texts)
    parts: list[Part] = [PIECES]
    for part in found.values():
        parts += ["&" if len(parts) > 1 else "", part]
    return parts


def _taken(told: Told, texts: Sequence[str]) -> Part:
    return pa.array(texts, pa.string()).take(told.places)


def _decimal(digits: Any, places: int) -> list[Part]:
    """Whole numbers of the last place, none of them negative, as decimals."""
    padded = pc.ascii_lpad(digits, places + 1, "0")
    return [pc.utf8_slice_codeunits(padded, 0, -places), ".", pc.utf8_slice_codeunits(padded, -places)]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
