"""Which column of a file is which of our fields, and what its texts mean (CONTRACT "Uploads", Mapping)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import orjson

from app.errors import BadRequest
from app.uploads.arrow import pa, pc
from app.uploads.findings import Finding
from app.uploads.options import PARCEL_COLLECTIONS, PROJECT_COLLECTIONS, RECORD_COLLECTIONS

ROW_NUMBER = "$row"
ANY_OTHER = "*"
DECLARED = ("declared_square_metres", "declared_hectares", "declared_mu")
PARCEL_FIELDS = (
    "code", "name", "programme", "project_code", "role", "land_category", "land_use_scheme", "land_use_code",
    "cadastral_code", "layer", *DECLARED, "event", "kind", "effective_date", "document_type", "document_number",
    "document_date", "document_issuer", "document_square_metres",
)  # fmt: skip
PROJECT_FIELDS = ("code", "name", "programme", "boundary_role", "stage", "key", "batch", "land_category")
EVENT_FIELDS = (
    "code", "event", "kind", "effective_date", "document_type", "document_number", "document_date", "document_issuer",
    "land_category",
)  # fmt: skip
TARGET_FIELDS = (
    "programme", "measure", "category", "sub_district", "year", "kind", "status", "comparator", "value", "unit",
    "document_type", "document_number", "document_date", "document_issuer",
)  # fmt: skip
PLACE_FIELDS = ("code", "name", "level", "parent_code", "valid_from")
ZONE_FIELDS = ("code", "name", "valid_from")
_MAX_TEXT = 500
_NOT_WORDS = re.compile(r"[\W_]+")


def fields_of(collection: str) -> tuple[str, ...]:
    """The fields that a collection's files may fill."""
    if collection in PARCEL_COLLECTIONS:
        return PARCEL_FIELDS
    if collection == "zones":
        return ZONE_FIELDS
    if collection in RECORD_COLLECTIONS:
        return EVENT_FIELDS if collection == "events" else TARGET_FIELDS
    return PROJECT_FIELDS if collection in PROJECT_COLLECTIONS else PLACE_FIELDS


@dataclass(frozen=True)
class Mapping:
    """``fields``: ours → column, ``$row`` or None (left out); ``values``: ours → text as read → our word."""

    fields: dict[str, str | None] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)


def parse(document: object, collection: str) -> Mapping:
    """The mapping of a request; raises ``BadRequest`` ``mapping_invalid`` that names the key at fault."""
    if document is None:
        return Mapping()
    top = _object(document, "mapping")
    for key in top:
        if key not in {"fields", "values", "constants"}:
            raise _invalid(key, "fields, values, constants")
    known = fields_of(collection)
    sections = {name: _object(top.get(name) or {}, name) for name in ("fields", "values", "constants")}
    for name, section in sections.items():
        for ours in section:
            if ours not in known:
                raise _invalid(f"{name}.{ours}", ", ".join(known))
    for ours in sections["constants"]:
        if sections["fields"].get(ours) is not None:
            raise _invalid(f"constants.{ours}", f"fields.{ours}")
    fields = {
        ours: None if theirs is None else _text(theirs, f"fields.{ours}") for ours, theirs in sections["fields"].items()
    }
    values = {
        ours: {
            theirs: _text(word, f"values.{ours}.{theirs}") for theirs, word in _object(words, f"values.{ours}").items()
        }
        for ours, words in sections["values"].items()
    }
    constants = {ours: _text(value, f"constants.{ours}") for ours, value in sections["constants"].items()}
    return Mapping(fields, values, constants)


def _object(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(key, "{…}")
    return value


def _text(value: object, key: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _invalid(key, '"…"')
    text = str(value).strip()
    if not text or len(text) > _MAX_TEXT:
        raise _invalid(key, f'"…" (1-{_MAX_TEXT})')
    return text


def _invalid(key: str, expected: str) -> BadRequest:
    return BadRequest("mapping_invalid", parameter="mapping", key=key, expected=expected)


# --- synonyms -----------------------------------------------------------------------------------------------------


def plain(name: str) -> str:
    """A name without regard to case, spaces and punctuation."""
    return _NOT_WORDS.sub("", name.casefold())


@cache
def synonyms() -> dict[str, dict[str, Any]]:
    """``fields``: our field → names in Chinese, English and pinyin; ``values``: our field → our word → texts."""
    found: dict[str, dict[str, Any]] = orjson.loads(
        resources.files("app.uploads").joinpath("synonyms.json").read_bytes()
    )
    return found


@cache
def _words(ours: str) -> dict[str, str]:
    """Plain text → our word, for a field with a fixed vocabulary."""
    vocabulary = synonyms()["values"].get(ours, {})
    return {plain(text): word for word, texts in vocabulary.items() for text in (word, *texts)}


def word(ours: str, text: str) -> str | None:
    """Our word for ``text`` in a field with a fixed vocabulary, or None where it has none."""
    return _words(ours).get(plain(text))


def vocabulary(ours: str) -> list[str]:
    """Our words of a field."""
    return list(synonyms()["values"].get(ours, {}))


@dataclass(frozen=True)
class Chosen:
    """The column of each field, and what stands against the choice."""

    columns: dict[str, str]
    findings: list[Finding]


def choose(columns: Sequence[str], mapping: Mapping, collection: str) -> Chosen:
    """The column for each field: the mapping's word first, else the one column whose name is a synonym.

    Two columns that may both be meant refuse the file: guessing which figure counts is not ours to do.
    """
    chosen: dict[str, str] = {}
    findings: list[Finding] = []
    for ours, theirs in mapping.fields.items():
        if theirs is None:
            continue
        match = _find(columns, theirs)
        if match is None:
            values = {"field": ours, "column": theirs, "columns": ", ".join(columns)}
            findings.append(Finding("mapping_column_missing", "refuse", values=values))
        else:
            chosen[ours] = match
    taken = set(chosen.values())
    free = [column for column in columns if column not in taken]
    settled = set(mapping.fields) | set(mapping.constants)
    if settled & set(DECLARED):
        settled |= set(DECLARED)
    for ours in fields_of(collection):
        if ours not in settled:
            candidates = _candidates(ours, free, collection)
            if len(candidates) > 1:
                values = {"field": ours, "columns": ", ".join(candidates)}
                findings.append(Finding("ambiguous_field", "refuse", values=values))
            elif candidates:
                chosen[ours] = candidates[0]
    return Chosen(chosen, [*findings, *_declared_once(chosen)])


def _find(columns: Sequence[str], theirs: str) -> str | None:
    if theirs == ROW_NUMBER or theirs in columns:
        return theirs
    alike = [column for column in columns if column.casefold().strip() == theirs.casefold()]
    return alike[0] if len(alike) == 1 else None


def _candidates(ours: str, columns: Iterable[str], collection: str) -> list[str]:
    """Columns whose name is a synonym; one named as our field beats all others, letter for letter before alike.

    ``ours@collection`` lists what is a synonym there only: 项目编号 is a project's own code, and a parcel's project.
    """
    listed = synonyms()["fields"]
    names = {plain(name) for name in (ours, *listed.get(ours, ()), *listed.get(f"{ours}@{collection}", ()))}
    found = [column for column in columns if plain(column) in names]
    if ours in found:
        return [ours]
    exact = [column for column in found if plain(column) == plain(ours)]
    return exact if len(exact) == 1 else found


def _declared_once(chosen: dict[str, str]) -> list[Finding]:
    columns = [chosen[ours] for ours in DECLARED if ours in chosen]
    if len(columns) < 2:  # noqa: PLR2004 - one declared size is what is wanted
        return []
    return [Finding("ambiguous_field", "refuse", values={"field": " | ".join(DECLARED), "columns": ", ".join(columns)})]


def apply(columns: dict[str, Any], chosen: dict[str, str], mapping: Mapping, count: int) -> dict[str, Any]:
    """Our fields as Arrow texts, one value per row, null where empty; ``values`` of the mapping are put in."""
    found: dict[str, Any] = {}
    for ours, theirs in chosen.items():
        if theirs == ROW_NUMBER:
            found[ours] = pc.cast(pa.array(range(1, count + 1), pa.int64()), pa.string())
        else:
            found[ours] = columns[theirs]
        if ours in mapping.values:
            found[ours] = _translated(found[ours], mapping.values[ours])
    for ours, value in mapping.constants.items():
        found[ours] = pa.repeat(pa.scalar(value, pa.string()), count)
    return found


def _translated(texts: Any, words: dict[str, str]) -> Any:
    """Texts as read → our words; ``*`` stands for any other text, and for none."""
    encoded = texts.dictionary_encode()
    other = words.get(ANY_OTHER)
    translated = [words.get(text, text if other is None else other) for text in encoded.dictionary.to_pylist()]
    result = pa.array(translated, pa.string()).take(encoded.indices)
    return result if other is None else pc.fill_null(result, other)
