"""What becomes of a file or a row for each thing that can be found: the one table of policies.

A finding's severity is what its policy allows; what it means and what to do is in the catalogue of messages under the
same code. ``landbank findings``, ``GET /findings`` and ``docs/findings.md`` print this table.
"""

from dataclasses import dataclass
from typing import Any

from app.errors import Messages, message
from app.uploads.problems import Severity


@dataclass(frozen=True)
class Policy:
    """A policy by its name, and the severities that a finding under it has; ``decidable``: a person may overrule it."""

    name: str
    severities: tuple[Severity, ...]
    decidable: bool = False


NOTE = Policy("accept", ("note",))
"""Taken as it is; told so that nothing happens unseen."""
WARN = Policy("accept_with_finding", ("warn",))
"""Taken, and a person should look at it."""
TELL = Policy("accept_with_finding", ("note", "warn"))
"""The same, a note where nothing points to a mistake."""
ASK = Policy("refuse_until_accepted", ("refuse", "warn"), decidable=True)
"""Refused until a person accepts it (``decisions``); then a warning."""
REFUSE = Policy("refuse", ("refuse",))
"""The row is refused, or the whole file where no row is named."""

TABLE: dict[str, dict[str, Policy]] = {
    "file": {
        "nothing_uploaded": REFUSE,
        "format_not_supported_yet": REFUSE,
        "zip_with_other_files": REFUSE,
        "zip_too_large": REFUSE,
        "zip_ratio": REFUSE,
        "too_many_features": REFUSE,
        "zip_damaged": REFUSE,
        "zip_bad_crc": REFUSE,
        "zip_size_lies": REFUSE,
        "zip_method": REFUSE,
        "zip_nested": REFUSE,
        "zip_inner_opened": WARN,
        "zip_too_many": REFUSE,
        "zip_overlap": REFUSE,
        "zip_duplicate_name": REFUSE,
        "zip_encrypted": REFUSE,
        "zip_link": REFUSE,
        "zip_unsafe_name": REFUSE,
        "zip_names_decoded": WARN,
        "zip_backslashes": WARN,
        "zip_odd_names": WARN,
        "zip_empty": REFUSE,
        "files_ignored": NOTE,
        "stems_differ_in_case": WARN,
        "layer_not_chosen": REFUSE,
        "layer_unknown": REFUSE,
        "file_too_heavy": REFUSE,
        "reader_crashed": REFUSE,
        "upload_failed": REFUSE,
        "upload_worker_died": REFUSE,
        "upload_original_missing": REFUSE,
        "more_findings": NOTE,
    },
    "records": {
        "not_a_shapefile": REFUSE,
        "shp_too_short": REFUSE,
        "shp_truncated": REFUSE,
        "shp_damaged": REFUSE,
        "shp_trailing_bytes": WARN,
        "shx_missing": NOTE,
        "shx_differs": NOTE,
        "record_damaged": REFUSE,
        "layer_is_multipatch": REFUSE,
        "layer_not_polygons": REFUSE,
        "no_rows": REFUSE,
        "dbf_missing": REFUSE,
        "dbf_damaged": REFUSE,
        "dbf_version": REFUSE,
        "dbf_truncated": REFUSE,
        "dbf_more_rows": WARN,
        "row_counts_differ": REFUSE,
        "row_deleted": REFUSE,
        "field_type_not_read": WARN,
        "field_names_cut": WARN,
        "field_names_repeated": WARN,
        "table_one_file": REFUSE,
        "not_a_table": REFUSE,
        "table_too_large": REFUSE,
        "table_malformed": REFUSE,
        "table_undecodable": REFUSE,
        "table_empty": REFUSE,
        "workbook_unreadable": REFUSE,
        "row_is_total": NOTE,
        "cell_is_formula": REFUSE,
    },
    "formats": {
        "feature_invalid": REFUSE,
        "mixed_types": WARN,
        "geometry_not_polygon": REFUSE,
        "geometry_unreadable": REFUSE,
        "too_many_columns": REFUSE,
        "curves_straightened": WARN,
        "layer_without_geometry": REFUSE,
        "driver_unexpected": REFUSE,
        "layers_of_one_name": WARN,
        "rows_lost": REFUSE,
        "gdal_cannot_read": REFUSE,
        "gdal_says": NOTE,
        "json_not_geographic": REFUSE,
        "json_undecodable": REFUSE,
        "geojson_not_degrees": WARN,
        "gpkg_views_ignored": WARN,
        "gpkg_without_features": REFUSE,
        "gpkg_copied_while_open": WARN,
        "gpkg_damaged": REFUSE,
        "not_a_geopackage": REFUSE,
        "shapes_damaged": REFUSE,
        "json_repeated_names": WARN,
        "json_too_deep": REFUSE,
        "json_damaged": REFUSE,
        "mid_missing": WARN,
        "part_missing": REFUSE,
        "tab_refers_elsewhere": REFUSE,
        "xml_not_utf8": REFUSE,
        "xml_declares_entities": REFUSE,
        "xml_refers_elsewhere": REFUSE,
        "parquet_without_geometry": REFUSE,
        "parquet_encoding": REFUSE,
        "parquet_damaged": REFUSE,
        "closed_lines_taken": WARN,
        "collections_taken": WARN,
        "numbers_inexact": WARN,
        "no_row_usable": REFUSE,
        "txt_section_unknown": WARN,
        "txt_line_ignored": WARN,
        "txt_wide_comma": WARN,
        "txt_end_missing": WARN,
        "txt_header_missing": WARN,
        "txt_closing_x_twice": WARN,
        "txt_ring_restarted": WARN,
        "txt_closing_ring_number": WARN,
        "txt_shift_not_applied": WARN,
        "txt_zone_contradicts": REFUSE,
        "txt_zone_unknown": REFUSE,
        "txt_ring_too_short": REFUSE,
        "txt_parcel_without_points": REFUSE,
        "txt_ring_not_closed": NOTE,
        "txt_several_parts": WARN,
        "txt_count_differs": WARN,
        "txt_size_converted": WARN,
        "txt_size_in_square_metres": WARN,
        "txt_axes_swapped": WARN,
        "txt_several_zones": REFUSE,
        "txt_description_odd": WARN,
        "txt_parcel_repeated": REFUSE,
        "dxf_not_closed": WARN,
        "dxf_several_texts": WARN,
        "dxf_arcs_straightened": WARN,
        "dxf_cut_off": REFUSE,
        "dxf_drawn_twice": REFUSE,
        "table_without_wkt": REFUSE,
        "table_several_wkt": REFUSE,
        "table_several_srids": REFUSE,
        "wkt_unreadable": REFUSE,
        "txt_parcel_unreadable": REFUSE,
        "txt_columns": REFUSE,
        "txt_not_a_number": REFUSE,
    },
    "text": {
        "text_cut": WARN,
        "text_not_decodable": REFUSE,
        "text_like_code": WARN,
        "encoding_detected": TELL,
        "encoding_cpg_differs": WARN,
        "encoding_cpg_unknown": WARN,
        "encoding_mixed": WARN,
        "encoding_stated": WARN,
        "encoding_unclear": REFUSE,
        "encoding_unknown": REFUSE,
    },
    "crs": {
        "crs_missing": REFUSE,
        "crs_missing_zone": REFUSE,
        "crs_missing_degrees": REFUSE,
        "crs_missing_metres": REFUSE,
        "crs_unknown": REFUSE,
        "crs_stated": WARN,
        "crs_differs_from_file": WARN,
        "crs_local": REFUSE,
        "crs_not_horizontal": REFUSE,
        "crs_old_datum": REFUSE,
        "crs_no_path": REFUSE,
        "crs_does_not_fit": REFUSE,
        "crs_fits_nothing": REFUSE,
        "axes_swapped": REFUSE,
        "row_outside_crs": REFUSE,
        "outside_storage_crs": REFUSE,
        "crs_registered": WARN,
        "crs_registered_unusable": REFUSE,
        "crs_reprojected": NOTE,
        "crs_same_place": NOTE,
        "crs_proof": NOTE,
        "crs_candidates": NOTE,
        "prj_empty": WARN,
        "prj_encoding": WARN,
        "prj_not_wkt": WARN,
        "prj_unreadable": WARN,
    },
    "geometry": {
        "geometry_missing": REFUSE,
        "coordinates_not_finite": REFUSE,
        "coordinates_outside": REFUSE,
        "too_many_vertices": REFUSE,
        "too_many_rings": REFUSE,
        "ring_too_few_points": REFUSE,
        "ring_single_point": REFUSE,
        "ring_closed": WARN,
        "rings_reversed": NOTE,
        "rings_read_by_nesting": WARN,
        "z_zero_dropped": NOTE,
        "z_dropped": WARN,
        "m_dropped": WARN,
        "geometry_self_intersection": WARN,
        "geometry_bow_tie": WARN,
        "geometry_hole_outside": WARN,
        "geometry_parts_overlap": WARN,
        "geometry_invalid": WARN,
        "geometry_repaired": WARN,
        "geometry_repaired_differs": ASK,
        "repair_too_large": REFUSE,
        "geometry_no_land": REFUSE,
        "geometry_too_large": REFUSE,
        "geometry_sliver": WARN,
        "geometry_spike": WARN,
        "geometry_tiny_ring": WARN,
        "geometry_duplicate_vertex": NOTE,
        "same_shape": WARN,
    },
    "place": {
        "no_district_loaded": NOTE,
        "outside_district": REFUSE,
        "partly_outside_district": WARN,
        "zone_restrictive": WARN,
        "zones_numbered": NOTE,
    },
    "attributes": {
        "mapping_column_missing": REFUSE,
        "ambiguous_field": REFUSE,
        "field_missing": REFUSE,
        "blank_code": REFUSE,
        "duplicate_code": REFUSE,
        "duplicate_row": REFUSE,
        "row_repeated": REFUSE,
        "programme_differs": REFUSE,
        "value_unknown": REFUSE,
        "unknown_category": REFUSE,
        "category_missing": REFUSE,
        "land_use_scheme_unknown": REFUSE,
        "land_use_code_ambiguous": REFUSE,
        "land_use_code_unknown": REFUSE,
        "number_invalid": REFUSE,
        "declared_differs": TELL,
        "cadastral_code_form": WARN,
        "cadastral_code_repeated": WARN,
        "date_invalid": REFUSE,
        "date_unlikely": WARN,
        "dates_differ": NOTE,
        "document_missing": REFUSE,
        "event_missing": REFUSE,
    },
    "overlaps": {
        "gap": WARN,
        "gaps_not_all_sought": NOTE,
        "sliver_clipped": WARN,
        "overlap": WARN,
        "overlap_banked": REFUSE,
        "overlay_too_heavy": REFUSE,
    },
    "inventory": {
        "code_exists": REFUSE,
        "project_other_programme": REFUSE,
        "parcel_retired": REFUSE,
        "outline_in_ledger": ASK,
        "outline_as_boundary_change": ASK,
        "survey_correction": WARN,
        "boundary_change": WARN,
        "row_outside_scope": REFUSE,
        "retires_banked": REFUSE,
    },
    "ledger": {
        "retained_banked": REFUSE,
        "already_banked": REFUSE,
        "exit_without_entry": REFUSE,
        "event_after_retirement": REFUSE,
        "exit_before_lineage": REFUSE,
        "credited_elsewhere": REFUSE,
        "land_credited_elsewhere": REFUSE,
        "event_type_unknown": REFUSE,
        "event_without_document": REFUSE,
        "document_type_unknown": REFUSE,
        "event_kind_wrong": REFUSE,
        "event_parcel_unknown": REFUSE,
        "event_category_differs": REFUSE,
        "evidence_incomplete": WARN,
        "document_type_not_counted": WARN,
    },
    "targets": {
        "target_document_incomplete": REFUSE,
        "target_invalid": REFUSE,
        "target_measure_unknown": REFUSE,
        "target_unit_wrong": REFUSE,
        "category_not_known": REFUSE,
        "sub_district_not_known": REFUSE,
        "target_status_back": WARN,
        "target_above_whole": REFUSE,
        "targets_above_whole": REFUSE,
        "targets_above_whole_told": WARN,
    },
}
"""Every code that a finding can have, in groups, and its policy."""
POLICIES = {code: policy for group in TABLE.values() for code, policy in group.items()}
DECIDABLE = frozenset(code for code, policy in POLICIES.items() if policy.decidable)
"""Refusals that a person may overrule."""


@dataclass(frozen=True)
class Entry:
    """One code of the table; its texts still hold the names of the values that a finding fills in."""

    code: str
    group: str
    policy: Policy

    @property
    def texts(self) -> Messages:
        """What it means and what to do."""
        return message(self.code)

    def document(self) -> dict[str, Any]:
        """For ``GET /findings`` and ``--json``."""
        texts = self.texts
        return {
            "code": self.code,
            "group": self.group,
            "policy": self.policy.name,
            "severities": list(self.policy.severities),
            "decidable": self.policy.decidable,
            "message": {"zh": texts.zh.what, "en": texts.en.what},
            "action": {"zh": texts.zh.do, "en": texts.en.do},
        }


def entries() -> list[Entry]:
    """The table, row by row."""
    return [Entry(code, group, policy) for group, codes in TABLE.items() for code, policy in codes.items()]


def group_title(group: str) -> str:
    """A group's name in both languages."""
    texts = message(f"findings_of_{group}")
    return f"{texts.zh.what} {texts.en.what}"


def page() -> str:
    """``docs/findings.md``: the table for people, as ``landbank findings --markdown`` prints it."""
    lines = [
        "# Findings 质检意见",
        "",
        "Every code that a finding of an upload can have: what becomes of the row or file, what it means, what to do.",
        "Made by `landbank findings --markdown` from the table in `app/uploads/policy.py`. Braces hold values.",
        "",
        "| policy 处理 | severity 级别 | |",
        "|---|---|---|",
    ]
    for policy in (NOTE, WARN, TELL, ASK, REFUSE):
        told = message(f"policy_{policy.name}")
        severities = ", ".join(policy.severities)
        lines.append(f"| `{policy.name}` | {severities} | {told.zh.what}<br>{told.en.what} |")
    for group, codes in TABLE.items():
        lines += ["", f"## {group_title(group)}", "", "| code | policy | 含义 meaning | 处理办法 what to do |"]
        lines.append("|---|---|---|---|")
        lines += [_line(Entry(code, group, policy)) for code, policy in codes.items()]
    return "\n".join(lines) + "\n"


def _line(entry: Entry) -> str:
    texts = entry.texts
    cells = (f"{texts.zh.what}<br>{texts.en.what}", f"{texts.zh.do}<br>{texts.en.do}")
    shown = " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| `{entry.code}` | `{entry.policy.name}` | {shown} |"
