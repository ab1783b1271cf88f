"""Which encoding a table is in, by its bytes before anything else."""

from pathlib import Path

import pytest

from app.uploads.encoding import detect, known_encoding
from app.uploads.problems import FileRefusedError
from app.uploads.reader import Read
from tests.uploads_reader.making import Column, Made, codes, polygon, read_parts, square

LAND = ["福田街道01号", "工业用地", "深圳市某某实业有限公司", "居住用地"]
LATIN = ["Zürich", "Genève", "Höfe", "Ærø"]
RUSSIAN = ["Москва", "Пушкинская улица", "земля", "дорога"]
KOREAN = ["서울특별시", "강남구 역삼동", "대지", "도로"]


def read_texts(
    folder: Path,
    values: list[bytes],
    cpg: bytes | None,
    language: int = 0,
    encoding: str | None = None,
    name: bytes = b"a",
) -> Read:
    columns = [Column(name, values)]
    records = [polygon(square())] * len(values)
    return read_parts(
        Made(records=records, columns=columns, cpg=cpg, language=language).parts(), folder, encoding=encoding
    )


def encoded(texts: list[str], codec: str) -> list[bytes]:
    return [text.encode(codec) for text in texts]


@pytest.mark.parametrize(
    ("codec", "cpg", "language", "name", "evidence", "found"),
    [
        ("gbk", None, 0, "GB18030", "bytes", ["encoding_detected"]),
        ("gbk", None, 0x57, "GB18030", "bytes", ["encoding_detected"]),
        ("gbk", None, 0x4D, "GB18030", "language_driver", []),
        ("gbk", b"GBK", 0, "GB18030", "cpg", []),
        ("gbk", b"UTF-8", 0, "GB18030", "bytes", ["encoding_cpg_differs"]),
        ("gbk", b"UTF-8", 0x4D, "GB18030", "language_driver", ["encoding_cpg_differs"]),
        ("gbk", b"SYSTEM", 0, "GB18030", "bytes", ["encoding_cpg_unknown"]),
        ("gbk", b"<!DOCTYPE html><html>404</html>", 0, "GB18030", "bytes", ["encoding_cpg_unknown"]),
        ("gbk", b"ISO-8859-1", 0, "GB18030", "bytes", ["encoding_cpg_differs"]),
        ("utf-8", b"UTF-8", 0, "UTF-8", "cpg", []),
        ("utf-8", b"\xef\xbb\xbf65001\r\n", 0, "UTF-8", "cpg", []),
        ("utf-8", b"U\0T\0F\x008\0", 0, "UTF-8", "cpg", []),
        ("utf-8", None, 0x57, "UTF-8", "bytes", ["encoding_detected"]),
        ("utf-8", b"GBK", 0, "UTF-8", "bytes", ["encoding_cpg_differs"]),
    ],
)
def test_bytes_win_over_what_is_said(
    tmp_path: Path, codec: str, cpg: bytes | None, language: int, name: str, evidence: str, found: list[str]
) -> None:
    result = read_texts(tmp_path, encoded(LAND, codec), cpg, language)
    assert (result.encoding, result.encoding_evidence, codes(result)) == (name, evidence, found)
    assert result.columns["a"].to_pylist() == LAND


@pytest.mark.parametrize(
    ("texts", "codec", "cpg", "language", "name"),
    [
        (LATIN, "cp1252", b"1252", 0, "CP1252"),
        (LATIN, "cp1252", b"ISO-8859-1", 0, "ISO8859-1"),
        (LATIN, "cp1252", None, 0x03, "CP1252"),
        (KOREAN, "cp949", b"EUC-KR", 0, "CP949"),
        (KOREAN, "cp949", None, 0x4E, "CP949"),
    ],
)
def test_other_encodings_are_believed_where_they_are_said(
    tmp_path: Path, texts: list[str], codec: str, cpg: bytes | None, language: int, name: str
) -> None:
    result = read_texts(tmp_path, encoded(texts, codec), cpg, language)
    assert (result.encoding, codes(result)) == (name, [])
    assert result.columns["a"].to_pylist() == texts


@pytest.mark.parametrize(("texts", "codec"), [(RUSSIAN, "cp1251"), (KOREAN, "cp949")])
def test_the_unclear_is_asked_with_previews_and_read_as_stated(tmp_path: Path, texts: list[str], codec: str) -> None:
    asked = read_texts(tmp_path / "asked", encoded(texts, codec), None, 0x57)
    assert codes(asked) == ["encoding_unclear"]
    assert set(asked.problems[0].values) == {"utf8", "gb18030", "cp1252"}
    told = read_texts(tmp_path / "told", encoded(texts, codec), None, 0x57, encoding=codec)
    assert codes(told) == ["encoding_stated"]
    assert told.columns["a"].to_pylist() == texts
    assert told.encoding_evidence == "stated"


def test_west_european_letters_among_plain_ones_are_told_by_their_bytes(tmp_path: Path) -> None:
    result = read_texts(tmp_path, encoded(["Begrünung", "Blühstreifen", "Vårbyg", "50 m²"], "cp1252"), None, 0x57)
    assert (result.encoding, result.encoding_evidence, codes(result)) == ("CP1252", "bytes", ["encoding_detected"])
    assert result.columns["a"].to_pylist()[0] == "Begrünung"


def test_what_is_stated_overrides_and_is_told_only_where_it_differs(tmp_path: Path) -> None:
    same = read_texts(tmp_path / "same", encoded(LAND, "gbk"), None, encoding="gbk")
    assert (same.encoding, codes(same)) == ("GB18030", [])
    plain = read_texts(tmp_path / "plain", [b"a"], None, encoding="utf8")
    assert (plain.encoding, codes(plain)) == ("UTF-8", [])
    other = read_texts(tmp_path / "other", encoded(LAND, "gbk"), None, encoding="cp1252")
    assert "encoding_stated" in codes(other)
    unknown = read_texts(tmp_path / "unknown", encoded(LAND, "gbk"), None, encoding="utf-7")
    assert codes(unknown) == ["encoding_unknown"]


def test_plain_ascii_needs_nothing(tmp_path: Path) -> None:
    result = read_texts(tmp_path, [b"a", b"b"], None, 0x57)
    assert (result.encoding, result.encoding_evidence, codes(result)) == ("UTF-8", "ascii", [])


def test_rows_of_two_encodings_are_read_each_as_what_it_is(tmp_path: Path) -> None:
    result = read_texts(tmp_path, [*encoded(LAND[:2], "utf-8"), *encoded(LAND[2:], "gbk")], None)
    assert codes(result) == ["encoding_detected", "encoding_mixed"]
    assert result.columns["a"].to_pylist() == LAND
    assert result.encoding_evidence == "mixed"


def test_a_few_gbk_rows_among_many(tmp_path: Path) -> None:
    values = [*(f"福田街道{n}号".encode() for n in range(199)), "工业用地".encode("gbk")]
    result = read_texts(tmp_path, values, b"UTF-8")
    assert codes(result) == ["encoding_mixed"]
    assert result.columns["a"].to_pylist()[-1] == "工业用地"


def test_four_byte_characters_of_gb18030(tmp_path: Path) -> None:
    texts = ["㐂田村", "𠮷村地块", "工业用地"]
    result = read_texts(tmp_path, encoded(texts, "gb18030"), b"GBK")
    assert result.columns["a"].to_pylist() == texts


def test_common_characters_without_any_of_a_land_register(tmp_path: Path) -> None:
    texts = ["青苹果", "红香蕉", "甜樱桃", "鲜葡萄"]
    assert read_texts(tmp_path, encoded(texts, "gbk"), None).encoding == "GB18030"


def test_only_field_names_tell(tmp_path: Path) -> None:
    result = read_texts(tmp_path, [b"1", b"2"], None, name="地块编号".encode("gbk"))
    assert (list(result.columns), codes(result)) == (["地块编号"], ["encoding_detected"])


def test_two_byte_utf8_by_chance_is_still_gbk() -> None:
    # «联通» in GBK happens to be valid UTF-8.
    assert detect([*encoded(["联通", "号"], "gbk")], b"GBK", 0, None).name == "GB18030"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UTF-8", "UTF-8"), ("utf8", "UTF-8"), ("CP65001", "UTF-8"), ("ANSI 936", "GB18030"), ("cp936", "GB18030"),
        ("936", "GB18030"), ("GB2312", "GB18030"), ("windows-1252", "CP1252"), ("ANSI 1252", "CP1252"),
        ("Big5", "CP950"),
        ("OEM 437", "CP437"), ("ISO-8859-15", "ISO8859-15"), ("8859_1", "ISO8859-1"), ("Shift_JIS", "CP932"),
        ("SYSTEM", None), ("", None), ("ISO-8859-99", None), ("CP999", None), ("rot13", None), ("unicode_escape", None),
    ],
)  # fmt: skip
def test_names_of_encodings(name: str, known: str | None) -> None:
    assert known_encoding(name) == known


def test_nothing_readable_at_all() -> None:
    with pytest.raises(FileRefusedError):
        detect([b"\xff\xff\xff\xff\xff", b"\x81\x20\x81\x20"], b"UTF-8", 0, None)


def test_half_utf8_and_half_something_else_is_asked() -> None:
    with pytest.raises(FileRefusedError, match="encoding_unclear"):
        detect([*encoded(["Пушкин", "Москва"], "utf-8"), *encoded(RUSSIAN, "cp1251")], None, 0, None)
