"""Whatever bytes come in: a refusal or rows, each of them accounted for, and no exception."""

import tempfile
from pathlib import Path

import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.uploads_reader.making import Column, Made, X, Y, polygon, read_parts, read_uploads, square, zipped

HOLE = square(X + 10, Y + 10, 20, clockwise=False)
SOUND = Made(
    records=[polygon(square()), polygon(square(X + 100), HOLE), bytes(4), polygon(square(X + 300), square(X + 450))],
    columns=[
        Column(b"code", [b"A1", b"A2", b"A3", b"A4"]),
        Column("地块名称".encode("gbk"), ["福田街道一号".encode("gbk")] * 4),
    ],
    cpg=b"GBK",
).parts()
MUTATIONS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=12)
CALM = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def mutate(content: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(content)
    for at, value in changes:
        changed[at % len(changed)] = value
    return bytes(changed[: len(changed) - cut % len(changed)] if cut else changed)


def accounted(parts: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = read_parts(parts, Path(folder))
        if result.file_refused:
            assert result.problems
            return
        assert len(result.geometries) == len(result.row_numbers) == result.row_count
        missing = {number + 1 for number, geometry in enumerate(result.geometries) if geometry is None}
        assert missing == result.refused
        kept = result.geometries[[geometry is not None for geometry in result.geometries]]
        assert not shapely.is_empty(kept).any()
        assert all(len(values) == result.row_count for values in result.columns.values())


@CALM
@given(st.sampled_from([".shp", ".dbf", ".shx", ".prj", ".cpg"]), MUTATIONS, st.integers(0, 300))
def test_any_bytes_changed_or_cut_off(suffix: str, changes: list[tuple[int, int]], cut: int) -> None:
    accounted(SOUND | {suffix: mutate(SOUND[suffix], changes, cut)})


@CALM
@given(st.binary(max_size=400))
def test_any_bytes_after_a_header(content: bytes) -> None:
    accounted(SOUND | {".shp": SOUND[".shp"][:100] + content})


@CALM
@given(MUTATIONS, st.integers(0, 400))
def test_any_bytes_of_a_zip(changes: list[tuple[int, int]], cut: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = zipped(folder / "upload.zip", {f"p{suffix}": content for suffix, content in SOUND.items()})
        path.write_bytes(mutate(path.read_bytes(), changes, cut))
        result = read_uploads([path], folder)
        assert result.file_refused or len(result.geometries) == result.row_count
