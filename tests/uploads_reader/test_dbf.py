"""Every row of a .dbf is read as the text that stands there, or told."""

import struct
from pathlib import Path

import pytest

from app.uploads.reader import Read
from tests.uploads_reader.making import Column, Made, codes, dbf, polygon, read_parts, square


def read_columns(folder: Path, *columns: Column, language: int = 0, cpg: bytes | None = None, **said: str) -> Read:
    records = [polygon(square())] * len(columns[0].values)
    return read_parts(Made(records=records, columns=columns, language=language, cpg=cpg).parts(), folder, **said)  # type: ignore[arg-type]


def texts(result: Read) -> dict[str, list[str | None]]:
    return {name: values.to_pylist() for name, values in result.columns.items()}


def test_numbers_and_dates_stay_text(tmp_path: Path) -> None:
    result = read_columns(
        tmp_path,
        Column(b"code", [b"4403040010019007199", b"          12345"], "N", 19),
        Column(b"size", [b"1,234.5", b"1e400"], "N", 18),
        Column(b"day", [b"20240230", b"99999999"], "D", 8),
        Column(b"flag", [b"T", b"?"], "L", 1),
        Column(b"f", [b"***", b""], "F", 3),
    )
    assert texts(result) == {
        "code": ["4403040010019007199", "12345"],
        "size": ["1,234.5", "1e400"],
        "day": ["20240230", "99999999"],
        "flag": ["T", "?"],
        "f": ["***", None],
    }
    assert codes(result) == []


def test_text_is_trimmed_and_ends_at_a_nul(tmp_path: Path) -> None:
    result = read_columns(tmp_path, Column(b"a", [b"  x y ", b"left\0over", b"\0\0", b""]))
    assert texts(result) == {"a": ["x y", "left", None, None]}


def test_one_row_only(tmp_path: Path) -> None:
    assert texts(read_columns(tmp_path, Column(b"a", [b"x\0junk"], width=6))) == {"a": ["x"]}


def test_deleted_rows_are_refused_and_listed(tmp_path: Path) -> None:
    parts = Made().parts() | {".dbf": dbf([Column(b"a", [b"1", b"2"])], deleted=[1])}
    result = read_parts(parts, tmp_path)
    assert [(problem.code, problem.row) for problem in result.problems] == [("row_deleted", 2)]
    assert result.refused == {2}
    assert result.geometries[1] is None


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_rows_refuses_the_file_with_both_counts(tmp_path: Path, count: int) -> None:
    result = read_parts(Made().parts() | {".dbf": dbf([Column(b"a", [b"1"] * count)])}, tmp_path)
    assert [(problem.code, problem.values) for problem in result.problems] == [
        ("row_counts_differ", {"shapes": 2, "rows": count})
    ]
    assert result.row_count == max(2, count)


def test_a_table_cut_off_says_at_which_row(tmp_path: Path) -> None:
    whole = dbf([Column(b"a", [b"1", b"2"])])
    result = read_parts(Made().parts() | {".dbf": whole[:-10]}, tmp_path)
    assert [(problem.code, problem.values) for problem in result.problems] == [
        ("dbf_truncated", {"stated": 2, "present": 1, "row": 2})
    ]


def test_a_table_with_more_than_it_states_is_told(tmp_path: Path) -> None:
    more = bytearray(dbf([Column(b"a", [b"1", b"2", b"3"])]))
    more[4:8] = struct.pack("<I", 2)
    assert codes(read_parts(Made().parts() | {".dbf": bytes(more)}, tmp_path)) == ["dbf_more_rows"]


def test_no_rows_for_shapes(tmp_path: Path) -> None:
    none = bytearray(dbf([Column(b"a", [b"1"])]))
    none[4:8] = struct.pack("<I", 0)
    assert "row_counts_differ" in codes(read_parts(Made().parts() | {".dbf": bytes(none)}, tmp_path))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    parts = Made().parts()
    del parts[".dbf"]
    result = read_parts(parts, tmp_path)
    assert [(problem.code, problem.values) for problem in result.problems] == [("dbf_missing", {"name": "p.dbf"})]
    assert result.row_count == 2


def damaged(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


WHOLE = dbf([Column(b"a", [b"1", b"2"])])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "dbf_damaged"),
        (WHOLE[:20], "dbf_damaged"),
        (damaged(WHOLE, 8, b"\xff\xff"), "dbf_damaged"),
        (damaged(WHOLE, 10, b"\x00\x00"), "dbf_damaged"),
        (damaged(WHOLE, 10, b"\x05\x00"), "dbf_damaged"),
        (damaged(WHOLE, 32, b"\r"), "dbf_damaged"),
        (damaged(WHOLE, 0, b"\x04"), "dbf_version"),
    ],
)
def test_a_damaged_header_refuses_the_file(tmp_path: Path, content: bytes, code: str) -> None:
    assert codes(read_parts(Made().parts() | {".dbf": content}, tmp_path)) == [code]


def test_long_texts_of_clipper(tmp_path: Path) -> None:
    result = read_columns(tmp_path, Column(b"long", [b"x" * 300, b"y"], width=44, decimals=1))
    assert texts(result) == {"long": ["x" * 300, "y"]}


def test_fields_of_other_types_are_told(tmp_path: Path) -> None:
    result = read_columns(
        tmp_path, Column(b"a", [b"1"]), Column(b"note", [b"7"], "M", 10), Column(b"_Null", [b"\1"], "0", 1)
    )
    assert list(result.columns) == ["a"]
    assert [(problem.code, problem.values) for problem in result.problems] == [
        ("field_type_not_read", {"names": "note (M)"})
    ]


def test_names_are_made_distinct(tmp_path: Path) -> None:
    result = read_columns(
        tmp_path, Column(b"a", [b"1"]), Column(b"a", [b"2"]), Column(b"", [b"3"]), Column(b"a", [b"4"])
    )
    assert texts(result) == {"a": ["1"], "a_2": ["2"], "column_3": ["3"], "a_3": ["4"]}
    assert codes(result) == ["field_names_repeated"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_names_cut_at_ten_bytes_are_told(tmp_path: Path, encoding: str) -> None:
    name = "用地性质代码".encode(encoding)[:10]
    result = read_columns(tmp_path, Column(name, ["工业用地".encode(encoding)]))
    whole = name.decode(encoding, "ignore")
    assert texts(result) == {whole: ["工业用地"]}
    assert {"field_names_cut", "encoding_detected"} == set(codes(result))


@pytest.mark.parametrize(
    "value", [b"=1+cmd()", b"@SUM(A1)", b"<script>x</script>", "=用地(1)".encode(), "<b>用地</b>".encode()]
)
def test_texts_that_look_like_code_are_kept_and_told(tmp_path: Path, value: bytes) -> None:
    result = read_columns(tmp_path, Column(b"a", [value, b"-12.5", b"< 3"]), cpg=b"UTF-8")
    assert [(problem.code, problem.values) for problem in result.problems] == [
        ("text_like_code", {"field": "a", "count": 1})
    ]
    assert texts(result) == {"a": [value.decode(), "-12.5", "< 3"]}


def test_a_value_cut_inside_a_character_loses_it_aloud(tmp_path: Path) -> None:
    values = [f"福田街道工业用地{n}号".encode() for n in range(60)] + ["福田街道".encode()[:-1]] * 12
    result = read_columns(tmp_path, Column(b"a", values), cpg=b"UTF-8")
    rows = ", ".join(str(n) for n in range(61, 71)) + ", …"
    assert [(problem.code, problem.values) for problem in result.problems] == [
        ("text_cut", {"field": "a", "count": 12, "rows": rows})
    ]
    assert texts(result)["a"][-1] == "福田街"


def test_a_text_in_no_known_encoding_refuses_its_row(tmp_path: Path) -> None:
    values = [f"福田街道工业用地{n}号".encode() for n in range(99)] + [b"\xff\xfe\xff\xff\xff\xff"]
    result = read_columns(tmp_path, Column(b"a", values), cpg=b"UTF-8")
    assert [(problem.code, problem.row) for problem in result.problems] == [("text_not_decodable", 100)]
    assert result.refused == {100}
    assert result.geometries[99] is None
