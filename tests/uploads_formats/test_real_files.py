"""Real parcels in other formats than shapefile: every file is taken whole, in a storage CRS that fits it."""

import pytest

from tests.uploads_formats.through import upload
from tests.uploads_reader.making import SHARED

REAL = SHARED / "data" / "real"
pytestmark = pytest.mark.skipif(not REAL.exists(), reason="the data is not part of the repository")

STORAGE = {
    "ai4sf/1_vietnam_areas.gpkg": 32648,
    "ai4sf/4_cambodia_areas.gpkg": 32648,
    "at/inspire_schlaege_2025-1_polygon.gpkg.zip": 31287,
    "at_block/inspire_referenzen_2021_polygon.gpkg.zip": 31287,
    "de_sh/Feldbloecke_2026_GPKG.zip": 25832,
    "fi/LandUse.ExistingLandUse.GSAAAgriculturalParcel.gpkg": 3067,
    "ie/GSAA_2024.zip": 3857,
    "it_1/iti1_2023.parquet": 3035,
    "jp/jp_field_polygons_2024.parquet": 3857,
    "nl/brpgewaspercelen_definitief_2023.gpkg": 28992,
    "nl_block/referentiepercelen.gpkg": 28992,
    "us_ca_scm/i15_crop_mapping_2023_provisional_20241127.gdb.zip": 3857,
}


@pytest.mark.parametrize("name", STORAGE)
def test_real_parcels_are_taken_whole(name: str) -> None:
    found = upload(REAL / name, storage=STORAGE[name])
    assert not found.against
    assert found.prepared.staged == found.prepared.read == 100


@pytest.mark.parametrize("name", ["at/at_2021.csv", "dk/dk_2019.csv", "fr/fr_2018.csv", "seoul_gangnam/Parcels.qmd"])
def test_tables_without_outlines_are_refused(name: str) -> None:
    assert upload(REAL / name).against[0][0] in {"table_without_wkt", "format_not_supported_yet"}
