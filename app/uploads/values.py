"""Dates and sizes as people write them, read exactly or not at all."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.geometry import SQUARE_METRES
from app.uploads.arrow import pa, pc

MAX_E4 = 10**15
"""1e11 m² in units of 1e-4 m²: no parcel is larger."""
_DATE = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2})|(\d{2})(\d{2})"
    r"|\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?)(?:[ T]00:00(?::00(?:\.0+)?)?)?"
)
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_PLAIN_NUMBER = r"^(?P<whole>[0-9]{1,9})(?:\.(?P<decimals>[0-9]{0,4}(?P<beyond>[0-9]{0,11})))?$"
_PLACES = {"m2": 4, "ha": 8, "mu": 4}
"""Decimals that matter, before rounding."""
GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")


def parse_date(text: str) -> date | None:
    """2026-03-01, 2026/3/1, 2026.3.1, 20260301 or 2026年3月1日, with midnight or without; else None."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups() if part is not None)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def parse_size(text: str, unit: str) -> int | None:
    """A stated size as whole 1e-4 m², rounded half-up from the exact decimal; None where it is no size."""
    text = text.strip()
    if GROUPED.fullmatch(text):
        text = text.replace(",", "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value.is_signed() or value.adjusted() > 15:  # noqa: PLR2004 - larger than the Earth
        return None
    whole = int((Fraction(value) * SQUARE_METRES[unit] * 20_000 + 1) // 2)
    return whole if whole <= MAX_E4 else None


def sizes(column: Any, unit: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A column of stated sizes as whole 1e-4 m² (-1 where there is none), and which texts are no sizes.

    Plain decimals are cut apart as texts and rounded half-up as whole numbers, exactly; the rest goes one by one.
    """
    parts = pc.extract_regex(column, _PLAIN_NUMBER)
    places = _PLACES[unit]
    decimals = pc.utf8_rpad(pc.struct_field(parts, "decimals"), places + 1, "0")
    beyond = pc.struct_field(parts, "beyond")
    plain = pc.fill_null(pc.is_valid(parts), False).to_numpy(zero_copy_only=False)
    if unit == "mu":  # 2000/3: a cut-off digit could tip the rounding
        plain = plain & pc.fill_null(pc.equal(pc.utf8_rtrim(beyond, "0"), ""), False).to_numpy(zero_copy_only=False)
    chosen = pa.array(plain)
    whole = _integers(pc.struct_field(parts, "whole").filter(chosen))
    cut = decimals.filter(chosen)
    kept = whole * 10**places + _integers(pc.utf8_slice_codeunits(cut, 0, places))
    up = _integers(pc.utf8_slice_codeunits(cut, places, places + 1)) >= 5  # noqa: PLR2004 - half-up
    result = np.full(len(column), -1, dtype=np.int64)
    result[plain] = (kept * 4000 + 3) // 6 if unit == "mu" else kept + up
    bad = np.zeros(len(column), dtype=bool)
    for row in np.flatnonzero(pc.is_valid(column).to_numpy(zero_copy_only=False) & ~plain).tolist():
        size = parse_size(column[row].as_py(), unit)
        bad[row] = size is None
        result[row] = -1 if size is None else size
    too_large = result > MAX_E4
    return np.where(too_large, -1, result), bad | too_large


def _integers(texts: Any) -> NDArray[np.int64]:
    found: NDArray[np.int64] = pc.cast(texts, pa.int64()).to_numpy(zero_copy_only=False)
    return found
