"""Every record of a .shp gives a polygon or a reason."""

import math
import struct
from pathlib import Path

import numpy as np
import pytest
import shapely

from app.uploads.reader import Read
from tests.uploads_reader.making import NULL, Made, X, Y, codes, polygon, read_parts, shp, shx, square

GOOD = polygon(square())


def read_records(folder: Path, *records: bytes, kind: int = 5) -> Read:
    return read_parts(Made(records=list(records), kind=kind).parts(), folder)


def only(result: Read, code: str) -> dict[str, object]:
    found = [problem for problem in result.problems if problem.code == code]
    assert len(found) == 1, codes(result)
    return found[0].message_values


def test_polygons_come_back_unchanged_to_the_bit(tmp_path: Path) -> None:
    ring = [(X + 0.1, Y), (X + 0.3, Y + 1e-7), (X + 1 / 3, Y - 0.7), (X + 0.1, Y)]
    result = read_records(tmp_path, polygon(ring), GOOD)
    assert codes(result) == []
    assert result.row_count == 2
    assert result.row_numbers.tolist() == [1, 2]
    assert shapely.get_coordinates(result.geometries[0]).tolist() == [list(point) for point in ring]
    assert result.crs == "EPSG:4547"


def test_null_and_empty_records_are_refused_rows(tmp_path: Path) -> None:
    empty = struct.pack("<i4d2i", 5, 0, 0, 0, 0, 0, 0)
    result = read_records(tmp_path, GOOD, NULL, empty)
    assert codes(result) == ["geometry_missing", "geometry_missing"]
    assert result.refused == {2, 3}
    assert [geometry is None for geometry in result.geometries] == [False, True, True]


def test_a_file_of_null_shapes_only_reports_each(tmp_path: Path) -> None:
    result = read_records(tmp_path, NULL, NULL, kind=0)
    assert result.refused == {1, 2}


def test_a_hole_an_island_and_a_second_part_by_direction(tmp_path: Path) -> None:
    rings = (
        square(),
        square(X + 10, Y + 10, 80, clockwise=False),
        square(X + 20, Y + 20, 10),
        square(X + 200, Y, 50),
    )
    result = read_records(tmp_path, polygon(*rings))
    assert codes(result) == []
    assert shapely.get_num_geometries(result.geometries[0]) == 3
    assert shapely.area(result.geometries[0]) == 10_000 - 6_400 + 100 + 2_500


def test_a_hole_before_its_outline_is_found_by_direction(tmp_path: Path) -> None:
    hole = square(X + 10, Y + 10, 20, clockwise=False)
    result = read_records(tmp_path, polygon(hole, square()))
    assert codes(result) == []
    assert shapely.area(result.geometries[0]) == 9_600


def test_a_hole_in_the_direction_of_its_outline_is_read_by_nesting_and_told(tmp_path: Path) -> None:
    result = read_records(tmp_path, GOOD, polygon(square(), square(X + 10, Y + 10, 20)))
    assert codes(result) == ["rings_read_by_nesting"]
    problem = result.problems[0]
    assert (problem.row, problem.severity) == (2, "warn")
    assert (problem.square_metres_before, problem.square_metres_after) == (10_400, 9_600)
    assert problem.position == (X, Y)
    assert shapely.area(result.geometries[1]) == 9_600


def test_two_sizes_are_square_metres_of_the_storage_crs_also_from_degrees(tmp_path: Path) -> None:
    outer, inner = square(114.0, 22.5, 0.001), square(114.0002, 22.5002, 0.0002)
    from_degrees = Made(records=[polygon(outer, inner)], prj=Made().prj and None).parts()
    result = read_parts(from_degrees, tmp_path, crs="EPSG:4490")
    problem = next(problem for problem in result.problems if problem.code == "rings_read_by_nesting")
    assert problem.square_metres_after == pytest.approx(shapely.area(result.geometries[0]))
    assert problem.square_metres_before == pytest.approx(1.04 / 0.96 * shapely.area(result.geometries[0]))


def test_all_rings_reversed_is_a_note(tmp_path: Path) -> None:
    result = read_records(tmp_path, polygon(square(clockwise=False), square(X + 10, Y + 10, 20)))
    assert codes(result) == ["rings_reversed"]
    assert result.problems[0].severity == "note"
    assert shapely.area(result.geometries[0]) == 9_600


def test_rings_that_nest_no_way_keep_their_direction(tmp_path: Path) -> None:
    hole_sticking_out = square(X + 50, Y + 50, 100, clockwise=False)
    result = read_records(tmp_path, polygon(square(), hole_sticking_out))
    assert codes(result) == []
    assert not shapely.is_valid(result.geometries[0])


def test_holes_inside_holes_find_the_nearest_outline(tmp_path: Path) -> None:
    sizes = [(0, 100.0), (10, 80.0), (20, 60.0), (30, 40.0)]
    result = read_records(tmp_path, polygon(*(square(X + shift, Y + shift, size) for shift, size in sizes)))
    assert codes(result) == ["rings_read_by_nesting"]
    assert shapely.area(result.geometries[0]) == 10_000 - 6_400 + 3_600 - 1_600


def test_an_open_ring_is_closed_and_noted(tmp_path: Path) -> None:
    result = read_records(tmp_path, polygon(square()[:-1]), GOOD)
    assert codes(result) == ["ring_closed"]
    assert result.problems[0].row == 1
    assert shapely.area(result.geometries).tolist() == [10_000, 10_000]


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e300])
def test_coordinates_that_are_no_place_refuse_the_row(tmp_path: Path, bad: float) -> None:
    result = read_records(tmp_path, GOOD, polygon([*square()[:2], (bad, Y), *square()[3:]]))
    assert codes(result) == ["coordinates_not_finite"]
    assert result.refused == {2}
    assert result.geometries[1] is None


def test_a_ring_of_three_points_refuses_the_row(tmp_path: Path) -> None:
    result = read_records(tmp_path, polygon([(X, Y), (X + 1, Y), (X, Y)]), GOOD)
    assert codes(result) == ["ring_too_few_points"]
    assert result.refused == {1}


def test_too_many_vertices_and_rings_refuse_the_row(tmp_path: Path) -> None:
    many = [(X + math.cos(n / 1000) * 100, Y + math.sin(n / 1000) * 100) for n in range(100_001)]
    rings = [square(X + 2 * n, Y, 1.0) for n in range(10_001)]
    result = read_records(tmp_path, GOOD, polygon(many), polygon(*rings))
    assert codes(result) == ["too_many_vertices", "too_many_rings"]
    assert result.refused == {2, 3}


def test_a_record_that_claims_more_than_it_holds_refuses_the_file_and_says_what(tmp_path: Path) -> None:
    lying = struct.pack("<i4d2i", 5, 0, 0, 0, 0, 1, 2_000_000_000) + bytes(84)
    result = read_records(tmp_path, GOOD, lying)
    assert only(result, "record_damaged") == {"row": 2, "parts": 1, "points": 2_000_000_000, "size": 128, "type": 5}
    assert only(result, "shp_damaged") == {"count": 1, "rows": "2", "total": 2}
    assert result.file_refused


@pytest.mark.parametrize("starts", [(1, 5), (0, -1), (0, 11), (3, 2)])
def test_ring_starts_that_make_no_sense_are_damage(tmp_path: Path, starts: tuple[int, int]) -> None:
    record = bytearray(polygon(square(), square(X + 200)))
    record[44:52] = struct.pack("<2i", *starts)
    result = read_records(tmp_path, GOOD, bytes(record), GOOD)
    assert set(codes(result)) == {"shp_damaged", "record_damaged"}
    assert result.refused == {2}
    assert shapely.area(result.geometries[[0, 2]]).tolist() == [10_000, 10_000]


def test_an_empty_ring_refuses_its_row(tmp_path: Path) -> None:
    record = bytearray(polygon(square(), square(X + 200)))
    record[44:52] = struct.pack("<2i", 0, 0)
    assert read_records(tmp_path, GOOD, bytes(record)).refused == {2}


def test_only_damaged_records(tmp_path: Path) -> None:
    record = bytearray(GOOD)
    record[44:48] = struct.pack("<i", 3)
    assert set(codes(read_records(tmp_path, bytes(record)))) == {"shp_damaged", "record_damaged"}


def test_another_shape_type_in_a_polygon_layer_is_damage(tmp_path: Path) -> None:
    point = struct.pack("<i2d", 1, X, Y)
    assert only(read_records(tmp_path, GOOD, point), "record_damaged")["type"] == 1


def test_one_point_repeated_is_damage(tmp_path: Path) -> None:
    result = read_records(tmp_path, GOOD, polygon([(X, Y)] * 4))
    assert codes(result) == ["shp_damaged", "ring_single_point"]


def test_a_file_cut_off_says_where(tmp_path: Path) -> None:
    parts = Made(records=[GOOD, GOOD, GOOD]).parts()
    parts[".shp"] = parts[".shp"][:-30]
    result = read_parts(parts, tmp_path)
    size = len(parts[".shp"])
    assert only(result, "shp_truncated") == {"row": 3, "readable": 2, "size": size, "stated": size + 30}
    assert result.file_refused
    assert result.row_count == 2


@pytest.mark.parametrize("cut", [len(GOOD) + 8, len(GOOD) + 4, len(GOOD) + 1])
def test_a_file_cut_between_records_or_in_a_header_is_cut_off_too(tmp_path: Path, cut: int) -> None:
    parts = Made(records=[GOOD, GOOD]).parts()
    parts[".shp"] = parts[".shp"][:-cut]
    assert "shp_truncated" in codes(read_parts(parts, tmp_path))


def test_bytes_after_the_stated_end_are_told(tmp_path: Path) -> None:
    parts = Made().parts()
    parts[".shp"] += b"junk!"
    result = read_parts(parts, tmp_path)
    assert only(result, "shp_trailing_bytes") == {"count": 5}
    assert len(result.geometries) == 2


def test_records_after_a_stale_header_length_are_read(tmp_path: Path) -> None:
    parts = Made().parts()
    parts[".shp"] = parts[".shp"][:24] + struct.pack(">i", (108 + len(GOOD)) // 2) + parts[".shp"][28:]
    assert codes(read_parts(parts, tmp_path)) == []


def test_no_records_at_all(tmp_path: Path) -> None:
    parts = Made().parts() | {".shp": shp([])}
    assert codes(read_parts(parts, tmp_path)) == ["no_rows"]


def test_a_header_and_no_more(tmp_path: Path) -> None:
    assert codes(read_parts(Made().parts() | {".shp": shp([GOOD])[:60]}, tmp_path)) == ["shp_too_short"]


@pytest.mark.parametrize(
    ("kind", "code"), [(31, "layer_is_multipatch"), (1, "layer_not_polygons"), (99, "layer_not_polygons")]
)
def test_other_layers_are_refused(tmp_path: Path, kind: int, code: str) -> None:
    assert codes(read_records(tmp_path, GOOD, kind=kind)) == [code]


@pytest.mark.parametrize(
    ("kind", "heights", "code", "severity"),
    [
        (15, 0.0, "z_zero_dropped", "note"),
        (15, 12.5, "z_dropped", "warn"),
        (15, None, "z_zero_dropped", "note"),
        (25, 1.0, "m_dropped", "warn"),
    ],
)
def test_heights_and_measures_are_dropped_aloud(
    tmp_path: Path, kind: int, heights: float | None, code: str, severity: str
) -> None:
    result = read_records(tmp_path, polygon(square(), kind=kind, heights=heights), kind=kind)
    assert [(problem.code, problem.severity) for problem in result.problems] == [(code, severity)]
    assert not shapely.has_z(result.geometries).any()


def test_the_index_is_not_needed_and_only_compared(tmp_path: Path) -> None:
    parts = Made().parts()
    del parts[".shx"]
    assert codes(read_parts(parts, tmp_path / "none")) == ["shx_missing"]
    wrong = Made().parts() | {".shx": shx([GOOD])}
    assert codes(read_parts(wrong, tmp_path / "wrong")) == ["shx_differs"]
    short = Made().parts() | {".shx": b""}
    assert codes(read_parts(short, tmp_path / "short")) == ["shx_differs"]


def test_many_records_of_every_sort_keep_their_rows(tmp_path: Path) -> None:
    records = []
    for n in range(300):
        x = X + 200.0 * (n % 50)
        hole = square(x + 10, Y + 10, 20, clockwise=False)
        records.append(
            [polygon(square(x)), polygon(square(x), hole), NULL, polygon(square(x), square(x + 110, Y, 20))][n % 4]
        )
    result = read_records(tmp_path, *records)
    assert result.refused == {n + 1 for n in range(300) if n % 4 == 2}
    expected = np.array([10_000, 9_600, np.nan, 10_400] * 75)
    np.testing.assert_allclose(shapely.area(result.geometries), expected)


def test_a_row_is_refused_once_for_its_first_reason(tmp_path: Path) -> None:
    result = read_records(tmp_path, polygon([(math.nan, Y), (X, Y)]))
    assert codes(result) == ["coordinates_not_finite", "no_row_usable"]


def test_rings_that_cross_and_cover_are_left_as_they_are(tmp_path: Path) -> None:
    big = [square(X, Y), square(X + 20, Y), square(X, Y + 20)]
    result = read_records(tmp_path, polygon(*big, square(X + 40, Y + 40, 10)))
    assert codes(result) == []
    assert not shapely.is_valid(result.geometries[0])
