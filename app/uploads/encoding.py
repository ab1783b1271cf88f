"""The character encoding of a .dbf, by evidence: its bytes first, then what the .cpg and the header say.

GB18030 is used wherever GBK or GB2312 is said: it holds both. Thresholds are those that classified every Chinese
file of two corpora (59 tables) right; the second test for Chinese is there for tables with few values.
"""

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.uploads.problems import FileRefusedError, Problem, refusal

UTF8, GB18030 = "UTF-8", "GB18030"
UTF8_SHARE = 0.98
MIXED_SHARE = 0.20
HAN_SHARE = 0.90
REGISTER_SHARE = 0.20
COMMON_SHARE, SPREAD_SHARE = 0.90, 0.10
FEW_HAN, MANY_HAN = 4, 8
MAX_EVIDENCE = 5000
"""Distinct values looked at, evenly taken; each value is still decoded strictly afterwards."""
MAX_CUT_BYTES = 3
"""A value cut at its width may have lost up to this many bytes of its last character."""

_REGISTER = frozenset(
    "地用号区街道路村镇市县宗块编名称面积土利现状规划工业商住宅居公共服务绿林草园耕水田旱农建设集体国有权属单位更新整备"
    "人民政府委会社城乡中东南西北一二三四五大小山河桥学校医院司限股份合作日年月类型代码备注说明"
)
"""Characters that tables about land are full of."""
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_PUNCTUATION = re.compile("[\u3000-\u303f\uff00-\uffef\u00b7\u2014\u2018-\u201d\u2026]")
_LEVEL_ONE, _LATE = range(0xB0, 0xD8), range(0xC9, 0xD8)
"""First bytes of the common characters of GB 2312, in pinyin order, and of those from «shan» on."""
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_WESTERN = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0152\u0153\u0160\u0161\u017d\u017e§°²³´·½«»–’“”„]+")
_ALIASES = {
    "UTF8": UTF8, "65001": UTF8, "CP65001": UTF8, "UTF8BOM": UTF8, "UTF8SIG": UTF8, "UNICODE": UTF8,
    "936": GB18030, "GBK": GB18030, "GB2312": GB18030, "GB18030": GB18030, "EUCCN": GB18030, "54936": GB18030,
    "XGBK": GB18030, "GB231280": GB18030, "CSGB2312": GB18030, "CHINESE": GB18030, "PRC": GB18030,
    "BIG5": "CP950", "BIG5HKSCS": "BIG5HKSCS", "SHIFTJIS": "CP932", "SJIS": "CP932", "EUCKR": "CP949", "UHC": "CP949",
    "EUCJP": "EUC-JP", "LATIN1": "ISO8859-1", "KOI8R": "KOI8-R", "TIS620": "CP874",
}  # fmt: skip
_PAGES = frozenset(
    {"437", "737", "775", "850", "852", "855", "857", "860", "861", "862", "863", "864", "865", "866", "869", "874"}
    | {"932", "949", "950", "1250", "1251", "1252", "1253", "1254", "1255", "1256", "1257", "1258"}
)
_LANGUAGE_DRIVERS = {
    0x01: "CP437", 0x02: "CP850", 0x03: "CP1252", 0x13: "CP932", 0x26: "CP866", 0x4D: GB18030, 0x4E: "CP949",
    0x4F: "CP950", 0x58: "CP1252", 0x59: "CP1252", 0x64: "CP852", 0x65: "CP866", 0x78: "CP950", 0x79: "CP949",
    0x7A: GB18030, 0x7B: "CP932", 0x7C: "CP874", 0x7D: "CP1255", 0x7E: "CP1256", 0xC8: "CP1250", 0xC9: "CP1251",
    0xCA: "CP1254", 0xCB: "CP1253",
}  # fmt: skip
"""Language driver bytes of the dBase header; 0x57 («ANSI») says nothing and is left out."""


@dataclass(frozen=True)
class Encoding:
    """How to read the text of one table; ``fallback`` reads single values that ``name`` cannot."""

    name: str
    evidence: str
    fallback: str | None = None
    problems: list[Problem] = field(default_factory=list)

    def decode(self, raw: bytes) -> tuple[str, bool] | None:
        """The text, and whether its last character was cut off; None where these bytes are not in this encoding."""
        for codec in (self.name, self.fallback):
            if codec is not None and (text := _decode(raw, codec)) is not None:
                return text
        return None


def known_encoding(name: str) -> str | None:
    """Our name for an encoding as people, .cpg files and programs write it; None where we know none by that name."""
    bare = re.sub(r"[\s_\-:.]", "", name.replace("\x00", "").lstrip("\ufeff")).upper()
    if bare in _ALIASES:
        return _ALIASES[bare]
    if match := re.fullmatch(r"(?:ANSI|CP|WINDOWS|WIN|OEM|MS|IBM|DOS)*(\d{3,5})", bare):
        page = match[1]
        if page in _ALIASES:
            return _ALIASES[page]
        if page in _PAGES:
            return f"CP{page}"
    if match := re.fullmatch(r"(?:ISO)?8859(\d{1,2})", bare):
        return f"ISO8859-{match[1]}" if _is_codec(f"ISO8859-{match[1]}") else None
    return None


def _is_codec(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def detect(values: Sequence[bytes], cpg: bytes | None, language: int, stated: str | None) -> Encoding:
    """The encoding of ``values``, the distinct texts of a table that are not plain ASCII.

    ``cpg`` is the content of the .cpg file, ``language`` the language driver byte of the .dbf header, ``stated`` what
    the sender said, which overrides all else.
    """
    if stated is not None:
        return _stated(values, cpg, language, stated)
    said = _Said.of(cpg, language)
    if not values:
        return Encoding(said.cpg or said.driver or UTF8, "ascii")
    values = values[:: 1 + len(values) // MAX_EVIDENCE]
    whole = [value for value in values if _decode(value, UTF8) is not None]
    share = len(whole) / len(values)
    if share >= MIXED_SHARE and not (_chinese(values) and not _wide(whole)):
        rest = [value for value in values if _decode(value, UTF8) is None]
        if share >= UTF8_SHARE or _chinese(rest):
            return _utf8(said, rest)
    if said.says(GB18030) and _readable(values, GB18030) >= UTF8_SHARE:
        evidence = "cpg" if said.cpg == GB18030 else "language_driver"
        return Encoding(GB18030, evidence, problems=said.contradiction(GB18030) if said.cpg else [])
    if _chinese(values):
        return Encoding(GB18030, "bytes", problems=said.contradiction(GB18030))
    return _as_said(said, values)


def _as_said(said: "_Said", values: Sequence[bytes]) -> Encoding:
    """What the .cpg or the header says, where every value can be read so; refuses what stays unclear."""
    for name, evidence in ((said.cpg, "cpg"), (said.driver, "language_driver")):
        if name not in {None, UTF8, GB18030} and _readable(values, str(name)) == 1.0:
            return Encoding(str(name), evidence)
    if _western(values):
        return Encoding("CP1252", "bytes", problems=said.contradiction("CP1252"))
    raise refusal(
        "encoding_unclear",
        utf8=_preview(values, UTF8),
        gb18030=_preview(values, GB18030),
        cp1252=_preview(values, "CP1252"),
    )


def _stated(values: Sequence[bytes], cpg: bytes | None, language: int, stated: str) -> Encoding:
    """What the sender says; a finding where the bytes alone would not have been read so."""
    name = known_encoding(stated)
    if name is None:
        raise refusal("encoding_unknown", encoding=stated[:40])
    try:
        found = detect(values, cpg, language, None).name if values else name
    except FileRefusedError:
        found = "?"
    differs = [] if found == name else [Problem("encoding_stated", "warn", values={"encoding": name, "found": found})]
    return Encoding(name, "stated", problems=differs)


def _utf8(said: "_Said", rest: Sequence[bytes]) -> Encoding:
    """UTF-8; single values in GBK among them are read as such, with a finding."""
    problems = [] if said.cpg == UTF8 else said.contradiction(UTF8)
    mixed = bool(rest) and _chinese(rest)
    if mixed:
        problems = [*problems, Problem("encoding_mixed", "warn", values={"count": len(rest)})]
    evidence = "mixed" if mixed else "cpg" if said.cpg == UTF8 else "bytes"
    return Encoding(UTF8, evidence, GB18030 if mixed else None, problems)


@dataclass(frozen=True)
class _Said:
    """What the .cpg (``text``, and ``cpg`` where understood) and the header's language driver say."""

    text: str
    cpg: str | None
    driver: str | None

    @classmethod
    def of(cls, cpg: bytes | None, language: int) -> "_Said":
        text = (cpg or b"")[:100].replace(b"\x00", b"").decode("ascii", "ignore").strip()
        return cls(text, known_encoding(text) if text else None, _LANGUAGE_DRIVERS.get(language))

    def says(self, name: str) -> bool:
        return name in {self.cpg, self.driver}

    def contradiction(self, found: str) -> list[Problem]:
        """The finding that tells what was read, where the .cpg is missing, senseless or wrong."""
        if self.cpg == found:
            return []
        if self.cpg:
            return [Problem("encoding_cpg_differs", "warn", values={"cpg": self.text, "encoding": found})]
        if self.text:
            return [Problem("encoding_cpg_unknown", "warn", values={"cpg": self.text[:40], "encoding": found})]
        return [Problem("encoding_detected", "warn", values={"encoding": found})]


def _decode(raw: bytes, codec: str) -> tuple[str, bool] | None:
    """Strictly decoded text; a last character that lacks bytes is taken off, which the flag tells."""
    try:
        return raw.decode(codec), False
    except UnicodeDecodeError as error:
        if codec not in {UTF8, GB18030} or len(raw) - error.start > MAX_CUT_BYTES:
            return None
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            return decoder.decode(raw, final=False), True
        except UnicodeDecodeError:
            return None


def _readable(values: Iterable[bytes], codec: str) -> float:
    results = [_decode(value, codec) is not None for value in values]
    return sum(results) / len(results)


def _wide(values: Iterable[bytes]) -> bool:
    """Whether UTF-8 texts hold a character of three bytes: two-byte ones come about by chance in GBK."""
    return any(max(value.decode("utf-8", "ignore"), default="") >= "\u0800" for value in values)


def _chinese(values: Sequence[bytes]) -> bool:
    """Whether ``values`` read as GB18030 look like Chinese and not like chance.

    Either many hold a character that tables about land are full of, or they are common characters (GB 2312
    level 1) spread over its pinyin order. Korean read as GBK fills only the first half of level 1; accented Latin,
    single columns.
    """
    texts = [text for value in values if (text := _decode(value, GB18030)) is not None]
    if not values or len(texts) < UTF8_SHARE * len(values):
        return False
    letters = [letter for text, _ in texts for letter in text if letter > "\x7f" and not _PUNCTUATION.match(letter)]
    han = [letter for letter in letters if _HAN.match(letter)]
    if not han or len(han) < HAN_SHARE * len(letters):
        return False
    leads = [letter.encode("gb18030")[0] for letter in han]
    late = sum(lead in _LATE for lead in leads)
    if not late and len(han) >= MANY_HAN:
        return False
    registered = sum(not _REGISTER.isdisjoint(text) for text, _ in texts)
    common = sum(lead in _LEVEL_ONE for lead in leads) >= COMMON_SHARE * len(han)
    spread = SPREAD_SHARE * len(han) <= late <= COMMON_SHARE * len(han)
    return registered > REGISTER_SHARE * len(texts) or (len(han) >= FEW_HAN and common and spread)


def _western(values: Sequence[bytes]) -> bool:
    """Whether single accented letters stand among plain ones, as in West European text and in no encoding of Asia.

    Every byte above 127 must be a letter or a usual sign in Windows-1252, and most must stand alone.
    """
    runs = [run for value in values for run in _HIGH_BYTES.findall(value)]
    alone = sum(len(run) == 1 for run in runs)
    return alone >= HAN_SHARE * len(runs) and all(_WESTERN.fullmatch(run.decode("CP1252", "replace")) for run in runs)


def _preview(values: Sequence[bytes], codec: str) -> str:
    return " | ".join(value.decode(codec, "replace") for value in values[:3])
