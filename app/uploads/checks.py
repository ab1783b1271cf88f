"""What is checked of a row's attributes. Each check's docstring is the documentation that people read.

A check tells its findings and fills the staged columns; a row that it refuses takes no further part.
"""

from datetime import date
from typing import Any

import numpy as np

from app.uploads import cadastral
from app.uploads.arrow import pa, pc
from app.uploads.findings import Finding
from app.uploads.mapping import DECLARED, vocabulary, word
from app.uploads.options import PARCEL_COLLECTIONS, PROJECT_COLLECTIONS
from app.uploads.rows import Ints, Rows, distinct, texts_of
from app.uploads.values import parse_date, sizes

FIXED_PROGRAMME = {
    "consolidation-parcels": "consolidation",
    "renewal-parcels": "renewal",
    "renewal-units": "renewal",
    "consolidation-projects": "consolidation",
}
FIXED_LEVEL = {"districts": "district", "sub-districts": "sub_district", "communities": "community"}
DEFAULT_BOUNDARY_ROLE = {"renewal-units": "unit", "consolidation-projects": "implementation"}
UNITS = {"declared_square_metres": "m2", "declared_hectares": "ha", "declared_mu": "mu"}
COPIED = (
    "name", "project_code", "cadastral_code", "document_number", "document_issuer", "parent_code", "stage", "batch",
)  # fmt: skip
EARLIEST = date(1980, 1, 1)
"""Before the first land was granted for money, no event of a land bank happened."""
_SHOWN = 10


def check(rows: Rows) -> None:
    """Every check of attributes that the collection needs, in order."""
    if rows.collection == "zones":
        numbered(rows)
    if not required_fields(rows):
        return
    for name in COPIED:
        rows.staged[name] = rows.text(name)
    blank_code(rows)
    if rows.collection in PARCEL_COLLECTIONS:
        parcel(rows)
    elif rows.collection in PROJECT_COLLECTIONS:
        project(rows)
    elif rows.collection == "zones":
        dates(rows, "valid_from")
    else:
        rows.staged["level"] = pa.repeat(pa.scalar(FIXED_LEVEL[rows.collection]), rows.count)
        dates(rows, "valid_from")
    duplicate_code(rows)


def parcel(rows: Rows) -> None:
    """The checks of a parcel: programme, role, layer, category, sizes, cadastral code, event and its document."""
    programme(rows)
    one_of(rows, "role", default="development")
    one_of(rows, "layer", default="surface")
    land_category(rows, required=True)
    declared(rows)
    cadastral.check(rows)
    event(rows)


def project(rows: Rows) -> None:
    """The checks of a renewal unit or consolidation project: programme, boundary role, key flag, category."""
    programme(rows)
    one_of(rows, "boundary_role", default=DEFAULT_BOUNDARY_ROLE[rows.collection])
    one_of(rows, "key", default="false")
    rows.staged["key"] = pc.equal(rows.staged["key"], "true")
    land_category(rows, required=False)


def required_fields(rows: Rows) -> bool:
    """A file must have the columns without which its rows mean nothing.

    Parcels: code, land_category (or land_use_code) and a programme (as a column, a constant or by the collection);
    everything else: code.
    """
    missing = [] if "code" in rows.fields else ["code"]
    if rows.collection in PARCEL_COLLECTIONS:
        if not {"land_category", "land_use_code"} & set(rows.fields):
            missing.append("land_category")
        if "programme" not in rows.fields and rows.collection not in FIXED_PROGRAMME:
            missing.append("programme")
    if rows.collection == "communities" and "parent_code" not in rows.fields:
        missing.append("parent_code")
    for name in missing:
        rows.tell_file("field_missing", "refuse", field=name)
    return not missing


def numbered(rows: Rows) -> None:
    """Zones of a file without a code column go by their row's number: a control layer is often one polygon alone."""
    if "code" not in rows.fields:
        rows.fields["code"] = pa.array([str(row + 1) for row in range(rows.count)], pa.string())
        rows.tell_file("zones_numbered", "note")


def blank_code(rows: Rows) -> None:
    """A row without a code is refused: nothing could ever find it again."""
    code = rows.text("code")
    rows.staged["code"] = code
    rows.tell("blank_code", "refuse", _rows(rows, pc.is_null(code)))


def duplicate_code(rows: Rows) -> None:
    """A code that stands on more than one row: all of them are refused, since none is more right than another.

    Rows that are alike in everything are told as such (``duplicate_row``): delete all but one. Projects may repeat a
    code under another boundary role.
    """
    code = rows.text("code")
    key = code
    if "boundary_role" in rows.staged:
        key = pc.binary_join_element_wise(code, rows.staged["boundary_role"], "\x1f")
    counted = pc.value_counts(pc.drop_null(key))
    repeated = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    if not len(repeated):
        return
    where = np.flatnonzero(pc.fill_null(pc.is_in(key, repeated), False).to_numpy(zero_copy_only=False))
    by_key: dict[str, list[int]] = {}
    for row, value in zip(where.tolist(), key.take(pa.array(where)).to_pylist(), strict=True):
        by_key.setdefault(value, []).append(row)
    same = {row for group in by_key.values() if len({_fingerprint(rows, row) for row in group}) == 1 for row in group}
    others = {row: group for group in by_key.values() for row in group}

    def make(row: int) -> Finding:
        shown = ", ".join(str(other + 1) for other in others[row][:_SHOWN])
        values = {"parcel": rows.feature(row) or "", "rows": shown}
        return Finding("duplicate_code", "refuse", feature=rows.feature(row), values=values)

    alike = np.isin(where, sorted(same))
    rows.tell("duplicate_row", "refuse", where[alike], make)
    rows.tell("duplicate_code", "refuse", where[~alike], make)


def _fingerprint(rows: Rows, row: int) -> tuple[Any, ...]:
    geometry = rows.geometries[row]
    return (None if geometry is None else geometry.wkb, *(column[row].as_py() for column in rows.columns.values()))


def programme(rows: Rows) -> None:
    """The programme is fixed by the collection, or read per row: 城市更新 or 土地整备, under any of their names.

    A file whose own column says another programme than its collection has those rows refused.
    """
    fixed = FIXED_PROGRAMME.get(rows.collection)
    if fixed is None:
        one_of(rows, "programme", default=None)
        return
    if "programme" in rows.fields:
        one_of(rows, "programme", default=fixed)
        other = _rows(rows, pc.not_equal(rows.staged["programme"], fixed))
        rows.tell("programme_differs", "refuse", other, collection=rows.collection, programme=fixed)
    rows.staged["programme"] = pa.repeat(pa.scalar(fixed), rows.count)


def one_of(rows: Rows, ours: str, default: str | None) -> None:
    """A field with a fixed vocabulary takes our words and their usual names in Chinese and English; others are refused.

    Empty means the default: role ``development``, layer ``surface``; a programme has none.
    """
    column = rows.text(ours)
    texts, codes = distinct(column)
    meant = [default if text is None else word(ours, text) for text in texts]
    rows.staged[ours] = texts_of(meant, codes)
    unknown = np.array([found is None for found in meant])[codes] & rows.good
    if ours in {"event", "kind", "document_type"}:
        unknown &= codes != len(texts) - 1

    def make(row: int) -> Finding:
        values = {"field": ours, "value": texts[codes[row]] or "", "choices": ", ".join(vocabulary(ours))}
        return Finding("value_unknown", "refuse", feature=rows.feature(row), values=values)

    rows.tell("value_unknown", "refuse", np.flatnonzero(unknown), make)


def land_category(rows: Rows, *, required: bool) -> None:
    """The category is read by code or name; where there is none, from the national land-use code.

    A land-use code means nothing without its standard (``land_use_scheme``, such as ``land_sea_use:2023`` or
    ``gbt21010:2017``), since the standards give one code different meanings: where they do, each meaning is told. A row
    of unknown category is refused.
    """
    texts, codes = distinct(rows.text("land_category"))
    named = [None if text is None else rows.categories.by_name(text) for text in texts]
    rows.staged["land_category"] = texts_of(named, codes)
    stated = codes != len(texts) - 1
    unknown = np.array([found is None for found in named])[codes] & stated & rows.good

    def make(row: int) -> Finding:
        values = {"value": texts[codes[row]] or "", "choices": ", ".join(rows.categories.codes)}
        return Finding("unknown_category", "refuse", feature=rows.feature(row), values=values)

    rows.tell("unknown_category", "refuse", np.flatnonzero(unknown), make)
    _by_land_use(rows, ~stated)
    if required:
        rows.tell("category_missing", "refuse", _rows(rows, pc.is_null(rows.staged["land_category"])))


def _by_land_use(rows: Rows, wanted: Any) -> None:
    rows.staged["land_use_scheme"] = rows.text("land_use_scheme")
    rows.staged["land_use_code"] = rows.text("land_use_code")
    if "land_use_code" not in rows.fields:
        return
    schemes, scheme_of = distinct(rows.text("land_use_scheme"))
    known = [rows.categories.scheme(scheme) for scheme in schemes]
    rows.staged["land_use_scheme"] = texts_of(
        [found or text for found, text in zip(known, schemes, strict=True)], scheme_of
    )
    codes, code_of = distinct(rows.text("land_use_code"))
    wanted = wanted & rows.good & (code_of != len(codes) - 1)
    lost = np.array([scheme is None for scheme in known])[scheme_of] & wanted
    _ambiguous(rows, (codes, code_of), lost & (scheme_of == len(schemes) - 1))
    lost &= rows.good

    def no_scheme(row: int) -> Finding:
        values = {"value": schemes[scheme_of[row]] or "–", "choices": ", ".join(rows.categories.schemes)}
        return Finding("land_use_scheme_unknown", "refuse", feature=rows.feature(row), values=values)

    rows.tell("land_use_scheme_unknown", "refuse", np.flatnonzero(lost), no_scheme)
    wanted &= rows.good
    pairs, pair_of = np.unique(np.column_stack([scheme_of, code_of]), axis=0, return_inverse=True)
    found: list[str | None] = []
    for scheme_at, code_at in pairs.tolist():
        scheme, code = known[scheme_at], codes[code_at]
        found.append(None if scheme is None or code is None else rows.categories.by_land_use(scheme, code))
    meant = texts_of(found, pair_of.reshape(-1))
    unknown = np.flatnonzero(pc.is_null(meant).to_numpy(zero_copy_only=False) & wanted)

    def no_code(row: int) -> Finding:
        values = {"value": codes[code_of[row]] or "", "scheme": known[scheme_of[row]] or ""}
        return Finding("land_use_code_unknown", "refuse", feature=rows.feature(row), values=values)

    rows.tell("land_use_code_unknown", "refuse", unknown, no_code)
    rows.staged["land_category"] = pc.if_else(pa.array(wanted), meant, rows.staged["land_category"])


def _ambiguous(rows: Rows, given: tuple[list[str | None], Ints], without: Any) -> None:
    """A code that means different land in different standards, without its standard: each meaning is told."""
    codes, code_of = given
    meanings = [[] if code is None else rows.categories.meanings(code) for code in codes]
    several = np.array([len({category for _, category in found}) > 1 for found in meanings])[code_of] & without

    def make(row: int) -> Finding:
        found = meanings[code_of[row]]
        names = {language: [f"{scheme} = {rows.categories.title(one, language)}" for scheme, one in found]
                 for language in ("zh", "en")}  # fmt: skip
        values = {"value": codes[code_of[row]] or "", "meanings_zh": "；".join(names["zh"])}
        values["meanings_en"] = "; ".join(names["en"])
        return Finding("land_use_code_ambiguous", "refuse", feature=rows.feature(row), values=values)

    rows.tell("land_use_code_ambiguous", "refuse", np.flatnonzero(several), make)


def declared(rows: Rows) -> None:
    """A declared size is read as it stands: square metres, hectares or 亩 (2000/3 m²). What is no number is refused."""
    for ours in (*DECLARED, "document_square_metres"):
        if ours not in rows.fields:
            continue
        column = rows.text(ours)
        found, bad = sizes(column, UNITS.get(ours, "m2"))

        def make(row: int, ours: str = ours, column: Any = column) -> Finding:
            values = {"field": ours, "value": column[row].as_py()}
            return Finding("number_invalid", "refuse", feature=rows.feature(row), values=values)

        rows.tell("number_invalid", "refuse", np.flatnonzero(bad & rows.good), make)
        target = "document_e4" if ours == "document_square_metres" else "declared_e4"
        rows.staged[target] = pa.array(found, pa.int64(), mask=found < 0)


def dates(rows: Rows, ours: str) -> None:
    """A date may be written 2026-03-01, 2026/3/1, 20260301 or 2026年3月1日. One that does not exist refuses its row."""
    texts, codes = distinct(rows.text(ours))
    found = [None if text is None else parse_date(text) for text in texts]
    rows.staged[ours] = pa.array(found, pa.date32()).take(pa.array(codes))
    bad = np.array([day is None and text is not None for day, text in zip(found, texts, strict=True)])[codes]

    def make(row: int) -> Finding:
        return Finding(
            "date_invalid",
            "refuse",
            feature=rows.feature(row),
            values={"field": ours, "value": texts[codes[row]] or ""},
        )

    rows.tell("date_invalid", "refuse", np.flatnonzero(bad & rows.good), make)


def event(rows: Rows) -> None:
    """A row may bring a land event along, which needs its document: type, number and date.

    ``effective_date`` defaults to the document's date; where both are given and differ, a note says so. Land that its
    holder keeps (``role`` retained, 留用地) cannot enter the bank.
    """
    for ours in ("effective_date", "document_date"):
        dates(rows, ours)
        _unlikely(rows, ours)
    for ours in ("event", "kind", "document_type"):
        one_of(rows, ours, default=None)
    happened = pc.is_valid(rows.staged["event"])
    for ours in ("document_type", "document_number", "document_date"):
        column = rows.staged[ours]
        rows.tell("document_missing", "refuse", _rows(rows, pc.and_(happened, pc.is_null(column))), field=ours)
    effective, document = rows.staged["effective_date"], rows.staged["document_date"]
    differ = pc.fill_null(pc.not_equal(effective, document), False)

    def make(row: int) -> Finding:
        values = {"effective": str(effective[row].as_py()), "document": str(document[row].as_py())}
        return Finding("dates_differ", "note", feature=rows.feature(row), values=values)

    rows.tell("dates_differ", "note", _rows(rows, differ), make)
    rows.staged["effective_date"] = pc.coalesce(effective, document)
    banked = pc.and_(pc.equal(rows.staged["role"], "retained"), pc.equal(rows.staged["event"], "bank_entry"))
    rows.tell("retained_banked", "refuse", _rows(rows, pc.fill_null(banked, False)))


def _unlikely(rows: Rows, ours: str) -> None:
    """A date of an event or its document before 1980, or after today, is kept with a warning: it is usually a slip."""
    column = rows.staged[ours]
    odd = pc.less(column, pa.scalar(EARLIEST))
    if rows.catalogue.today is not None:
        odd = pc.or_(odd, pc.greater(column, pa.scalar(rows.catalogue.today)))

    def make(row: int) -> Finding:
        values = {"field": ours, "value": str(column[row].as_py()), "earliest": str(EARLIEST)}
        return Finding("date_unlikely", "warn", feature=rows.feature(row), values=values)

    rows.tell("date_unlikely", "warn", _rows(rows, odd), make)


def _rows(rows: Rows, mask: Any) -> Ints:
    """The good rows of a mask, 0-based."""
    found: Ints = np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False) & rows.good)
    return found
