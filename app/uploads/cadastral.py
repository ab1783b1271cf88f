"""宗地代码 of 19 places (GB/T 37346-2019): which part is wrong, and which code stands on several rows."""

import re
from collections.abc import Collection

import numpy as np

from app.errors import message
from app.uploads.findings import Finding
from app.uploads.rows import Ints, Rows, distinct

LENGTH = 19
COUNTY = 6
"""Places of the county's code, such as 440307."""
PARTS = {
    "county": (0, 6, re.compile(r"\d{6}", re.ASCII)),
    "zone": (6, 9, re.compile(r"\d{3}", re.ASCII)),
    "sub_zone": (9, 12, re.compile(r"\d{3}", re.ASCII)),
    "ownership": (12, 13, re.compile("[GJZ]")),
    "feature": (13, 14, re.compile("[ABSXCDEFHGWY]")),
    "serial": (14, 19, re.compile(r"\d{5}", re.ASCII)),
}
"""Each part: from, to, and what it may be. Rights above (S) and below ground (X) are codes of their own."""
_SHOWN = 10


def wrong_part(code: str, counties: Collection[str] = ()) -> str | None:
    """The first part that is wrong, ``length`` where there are not 19 places; None for a code in order.

    ``counties`` are the codes of the districts that are loaded, where any is known; land elsewhere is not expected.
    """
    if len(code) != LENGTH:
        return "length"
    for name, (start, end, form) in PARTS.items():
        if not form.fullmatch(code[start:end]):
            return name
    return "county" if counties and code[:COUNTY] not in counties else None


def check(rows: Rows) -> None:
    """A 宗地代码 of another form is kept with a warning that names the wrong part, one that repeats with a warning too.

    An empty one is nothing to tell: early parcels often have none yet.
    """
    if "cadastral_code" not in rows.fields:
        return
    counties = {place.code for place in rows.catalogue.places if place.level == "district"}
    counties = {code for code in counties if re.fullmatch(r"\d{6}", code, re.ASCII)}
    texts, codes = distinct(rows.text("cadastral_code"))
    wrong = [None if text is None else wrong_part(text.strip(), counties) for text in texts]
    odd = np.array([part is not None for part in wrong])[codes] & rows.good

    def told(row: int) -> Finding:
        part = wrong[codes[row]]
        named = message(f"cadastral_part_{part}")
        values = {"value": texts[codes[row]] or "", "part_zh": named.zh.what, "part_en": named.en.what}
        return Finding("cadastral_code_form", "warn", feature=rows.feature(row), values=values)

    rows.tell("cadastral_code_form", "warn", np.flatnonzero(odd), told)
    _repeated(rows, texts, codes)


def _repeated(rows: Rows, texts: list[str | None], codes: Ints) -> None:
    stated = rows.good & (codes != len(texts) - 1)
    count = np.bincount(codes[stated], minlength=len(texts))
    again = np.flatnonzero(stated & (count[codes] > 1))

    def told(row: int) -> Finding:
        same = np.flatnonzero(stated & (codes == codes[row]))[:_SHOWN]
        values = {"value": texts[codes[row]] or "", "rows": ", ".join(str(other + 1) for other in same.tolist())}
        return Finding("cadastral_code_repeated", "warn", feature=rows.feature(row), values=values)

    rows.tell("cadastral_code_repeated", "warn", again, told)
