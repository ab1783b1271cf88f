"""Archives: what is in them is found, and what is dangerous in them is refused before it is written."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.uploads import archive
from app.uploads.archive import Upload
from app.uploads.reader import Read
from app.uploads.sniff import kind
from tests.uploads_reader.making import Made, codes, read_uploads, zipped

PARTS = Made().parts()


def named(stem: str = "p", parts: dict[str, bytes] | None = None) -> dict[str, bytes]:
    return {f"{stem}{suffix}": content for suffix, content in (parts or PARTS).items()}


def read_zip(folder: Path, members: dict[str, bytes], layer: str | None = None, **options: int) -> Read:
    return read_uploads([zipped(folder / "upload.zip", members, **options)], folder, layer=layer)


def test_a_plain_zip_with_folders_upper_case_and_company(tmp_path: Path) -> None:
    members = {f"成果/{name.upper()}": content for name, content in named().items()}
    company = {
        "成果/": b"",
        "__MACOSX/成果/._p.shp": b"x",
        "成果/.DS_Store": b"x",
        "成果/p.shp.xml": b"x",
        "成果/P.SBN": b"x",
    }
    result = read_zip(tmp_path, company | members | {"成果/说明.txt": b"hello"})
    assert [(problem.code, problem.severity, problem.values) for problem in result.problems] == [
        ("files_ignored", "note", {"names": "成果/说明.txt", "count": 1})
    ]
    assert (result.layer, result.layers, result.row_count) == ("P", ["P"], 2)


def test_stored_entries_are_read_too(tmp_path: Path) -> None:
    assert codes(read_zip(tmp_path, named(), compression=zipfile.ZIP_STORED)) == []


def test_other_compressions_are_refused(tmp_path: Path) -> None:
    assert codes(read_zip(tmp_path, named(), compression=zipfile.ZIP_BZIP2)) == ["zip_method"]


def test_several_layers_need_a_choice(tmp_path: Path) -> None:
    members = named("现状") | named("规划") | {"规划/p.txt": b"", "lonely.dbf": b""}
    refused = read_zip(tmp_path, members)
    assert codes(refused) == ["layer_not_chosen"]
    assert refused.problems[0].values["layers"] == "现状, 规划"
    chosen = read_zip(tmp_path, members, layer="规划")
    assert (chosen.layer, chosen.layers, codes(chosen)) == ("规划", ["现状", "规划"], ["files_ignored"])
    assert codes(read_zip(tmp_path, members, layer="别的")) == ["layer_unknown"]
    assert read_zip(tmp_path, members, layer="现状.SHP").layer == "现状"


def test_layers_of_one_name_are_told_apart_by_folder(tmp_path: Path) -> None:
    members = {f"a/{name}": content for name, content in named().items()} | {
        f"b/{name}": content for name, content in named().items()
    }
    assert read_zip(tmp_path, members).problems[0].values["layers"] == "a/p, b/p"
    assert read_zip(tmp_path, members, layer="b/p").row_count == 2


def test_names_of_old_windows_tools(tmp_path: Path) -> None:
    path = tmp_path / "upload.zip"
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as made:
        for suffix, content in PARTS.items():
            made.writestr(f"NNNN\\PPPP{suffix}", content)
    path.write_bytes(raw.getvalue().replace(b"NNNN", "福田".encode("gbk")).replace(b"PPPP", "地块".encode("gbk")))
    result = read_uploads([path], tmp_path)
    assert codes(result) == ["zip_names_decoded", "zip_backslashes"]
    assert result.layer == "地块"


@pytest.mark.parametrize(("raw", "name"), [("地块".encode(), "地块"), (b"\xff\xff\xff\xff\xff\xff", None)])
def test_names_in_utf8_without_the_flag_and_in_nothing_known(tmp_path: Path, raw: bytes, name: str | None) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for suffix, content in PARTS.items():
            made.writestr(f"{'N' * len(raw)}{suffix}", content)
    (tmp_path / "upload.zip").write_bytes(held.getvalue().replace(b"N" * len(raw), raw))
    result = read_uploads([tmp_path / "upload.zip"], tmp_path)
    assert codes(result)[0] == "zip_names_decoded"
    assert name is None or result.layer == name


def test_odd_names_are_told(tmp_path: Path) -> None:
    assert codes(read_zip(tmp_path, named("a\n';--"))) == ["zip_odd_names"]


def test_one_inner_zip_is_opened_and_no_deeper(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", named()).read_bytes()
    result = read_zip(tmp_path, {"内层.zip": inner})
    assert codes(result) == ["zip_inner_opened"]
    assert result.row_count == 2
    deeper = zipped(tmp_path / "deeper.zip", {"a.zip": inner}).read_bytes()
    assert codes(read_zip(tmp_path, {"b.zip": deeper})) == ["zip_nested"]
    assert codes(read_zip(tmp_path, {"b.zip": inner, "c.zip": inner})) == ["zip_nested"]
    assert codes(read_zip(tmp_path, {"b.7z": inner})) == ["zip_nested"]


def test_loose_parts_without_regard_to_case(tmp_path: Path) -> None:
    uploads = []
    for number, (suffix, content) in enumerate(PARTS.items()):
        path = tmp_path / str(number)
        path.write_bytes(content)
        uploads.append(Upload(path, f"C:\\data\\{'p' if number else 'P'}{suffix.upper()}"))
    result = read_uploads(uploads, tmp_path)
    assert codes(result) == ["stems_differ_in_case"]
    assert result.row_count == 2


def test_two_of_one_part_are_refused(tmp_path: Path) -> None:
    uploads = []
    for number, name in enumerate(["p.shp", "P.SHP"]):
        (tmp_path / str(number)).write_bytes(PARTS[".shp"])
        uploads.append(Upload(tmp_path / str(number), name))
    assert codes(read_uploads(uploads, tmp_path)) == ["zip_duplicate_name"]


def test_nothing_a_zip_with_company_and_an_empty_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "upload.zip", {})
    assert codes(read_uploads([], tmp_path)) == ["nothing_uploaded"]
    assert codes(read_uploads([path, path], tmp_path)) == ["zip_with_other_files"]
    assert codes(read_uploads([path], tmp_path)) == ["zip_empty"]


OTHER = "the content of another file"
VRT = b'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>%s</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "OGR VRT": lambda path: VRT % path,
    "GDALG JSON": lambda path: (
        b'{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read %s"}' % path
    ),
    "OGR WFS": lambda _: b"<OGRWFSDataSource><URL>http://127.0.0.1:9/</URL></OGRWFSDataSource>",
    "text": lambda _: b"PG:host=127.0.0.1 dbname=landbank",
    "HTML": lambda _: b"\xef\xbb\xbf <!DOCTYPE html><html>login</html>",
    "XML": lambda _: '<?xml version="1.0"?><x/>'.encode("utf-16"),
}


@pytest.mark.parametrize("suffix", [".shp", ".geojson", ".kml", ".txt", ".dxf", ".vrt", ".zip", ".SHP"])
@pytest.mark.parametrize("found", HOSTILE)
def test_files_that_would_open_other_files_are_never_opened(tmp_path: Path, suffix: str, found: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(OTHER)
    content = HOSTILE[found](os.fsencode(secret))
    assert kind(content) == found
    loose = tmp_path / f"p{suffix}"
    loose.write_bytes(content)
    result = read_uploads([loose], tmp_path)
    # A line of text is a table's heads without rows; it names a database, and nobody asks it.
    other = "no_rows" if found == "text" else "format_not_supported_yet"
    assert codes(result) == ["not_a_shapefile" if suffix.lower() == ".shp" else other]
    assert OTHER not in repr(result)
    packed = read_zip(tmp_path, {f"p{suffix}": content, "p.dbf": PARTS[".dbf"]})
    assert packed.file_refused
    assert OTHER not in repr(packed)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "0 bytes"),
        (b"PK\x03\x04", "zip"),
        (b"SQLite format 3\x00", "GeoPackage / SQLite"),
        (b"<kml>", "KML"),
        (b"<gml:x>", "GML"),
        (b'{"type":"FeatureCollection"}', "JSON"),
        (b"  0\nSECTION", "DXF"),
        (b"\x01\x02\x00", "binary"),
    ],
)
def test_kinds(head: bytes, name: str) -> None:
    assert kind(head) == name


def entry(name: str, content: bytes = b"x", **changes: int) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    for field, value in changes.items():
        setattr(info, field, value)
    return info, content


def build(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for info, content in entries:
            made.writestr(info, content)
    return held.getvalue()


def good() -> list[tuple[zipfile.ZipInfo, bytes]]:
    return [entry(name, content) for name, content in named().items()]


def with_central(content: bytes, offset: int, fmt: str, value: int) -> bytes:
    """The zip with a field of its first central-directory record overwritten."""
    at = content.index(b"PK\x01\x02") + offset
    return content[:at] + struct.pack(fmt, value) + content[at + struct.calcsize(fmt) :]


def lying_size() -> bytes:
    content = build(entry("p.shp", b"0" * 1000, compress_type=zipfile.ZIP_DEFLATED))
    return with_central(content, 24, "<I", 10)


def overlapping() -> bytes:
    content = build(entry("p.shp", b"1" * 50), entry("q.shp", b"2" * 50))
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    return content[: second + 42] + struct.pack("<I", 0) + content[second + 46 :]


def bomb() -> bytes:
    return build(entry("p.shp", bytes(30_000_000), compress_type=zipfile.ZIP_DEFLATED))


def nested_bomb() -> bytes:
    return build(entry("in.zip", bomb(), compress_type=zipfile.ZIP_DEFLATED))


def bad_deflate() -> bytes:
    content = build(entry("p.shp", b"0123456789" * 100, compress_type=zipfile.ZIP_DEFLATED))
    at = 30 + len("p.shp")
    return content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :]


LINK = (stat.S_IFLNK | 0o777) << 16
FIFO = (stat.S_IFIFO | 0o777) << 16
EVIL: dict[str, tuple[str, Callable[[], bytes]]] = {
    "dotdot": ("zip_unsafe_name", lambda: build(*good(), entry("../../evil.shp"))),
    "inner dotdot": ("zip_unsafe_name", lambda: build(*good(), entry("a/../../evil.shp"))),
    "absolute": ("zip_unsafe_name", lambda: build(*good(), entry("/tmp/evil.shp"))),  # noqa: S108
    "drive": ("zip_unsafe_name", lambda: build(*good(), entry("C:evil.shp"))),
    "backslash dotdot": ("zip_unsafe_name", lambda: build(*good(), entry("..\\..\\evil.shp"))),
    "backslash root": ("zip_unsafe_name", lambda: build(*good(), entry("\\\\host\\share\\evil.shp"))),
    "virtual file system": ("zip_unsafe_name", lambda: build(*good(), entry("/vsicurl/http://127.0.0.1/p.shp"))),
    "nul": ("zip_unsafe_name", lambda: build(*good(), entry("aZb.shp")).replace(b"aZb.shp", b"a\0b.shp")),
    "dot": ("zip_unsafe_name", lambda: build(*good(), entry("./"))),
    "link": ("zip_link", lambda: build(*good(), entry("q.shp", b"/etc/passwd", external_attr=LINK, create_system=3))),
    "pipe": ("zip_link", lambda: build(*good(), entry("q.shp", b"", external_attr=FIFO, create_system=3))),
    "encrypted": ("zip_encrypted", lambda: with_central(build(*good()), 8, "<H", 1)),
    "case": ("zip_duplicate_name", lambda: build(*good(), entry("P.SHP"))),
    "unicode forms": ("zip_duplicate_name", lambda: build(entry("\u00e9.shp"), entry("e\u0301.shp"))),
    "overlap": ("zip_overlap", overlapping),
    "too many": ("zip_too_many", lambda: build(*(entry(f"{n}.txt") for n in range(2001)))),
    "lying size": ("zip_size_lies", lying_size),
    "crc": ("zip_bad_crc", lambda: with_central(build(*good()), 16, "<I", 1)),
    "short size": ("zip_bad_crc", lambda: with_central(build(*good()), 24, "<I", 100_000)),
    "bad deflate": ("zip_bad_crc", bad_deflate),
    "bomb": ("zip_ratio", bomb),
    "nested bomb": ("zip_ratio", nested_bomb),
    "cut off": ("zip_damaged", lambda: build(*good())[:-30]),
    "only a beginning": ("zip_damaged", lambda: b"PK\x03\x04"),
    "broken local header": ("zip_damaged", lambda: b"PK\x03\x05" + build(*good())[4:]),
    "bad utf-8": ("zip_damaged", lambda: build(entry("地.shp")).replace("地".encode(), b"\xff\xff\xff")),
    "a folder of a geodatabase": ("format_not_supported_yet", lambda: build(entry("a.gdb/x.gdbtable"))),
    "no suffixes": ("format_not_supported_yet", lambda: build(entry("readme"))),
}


@pytest.mark.parametrize("evil", EVIL)
def test_evil_archives_are_refused_and_write_nothing_outside(tmp_path: Path, evil: str) -> None:
    code, make = EVIL[evil]
    content = make()
    if not content.startswith(b"PK\x03\x04"):
        content = b"PK\x03\x04" + content
    path = tmp_path / "in" / "upload.zip"
    path.parent.mkdir()
    path.write_bytes(content)
    job = tmp_path / "job"
    result = read_uploads([path], job)
    assert codes(result) == [code]
    assert result.file_refused
    written = {found for found in tmp_path.rglob("*") if found.is_file()} - {path}
    assert all(found.parent.parent == job for found in written)
    assert sum(found.stat().st_size for found in written) <= archive.RATIO_FREE_BYTES + 2**20


def test_more_bytes_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 100)
    assert codes(read_zip(tmp_path, named())) == ["zip_too_large"]
