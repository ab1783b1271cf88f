"""A local CRS registered by an administrator: land by its name, and its parameters nowhere but in the registry."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import text
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.db import unit_of_work
from app.errors import BadRequest, NotFound
from app.uploads import service
from app.uploads.options import UploadOptions
from app.uploads.registry import service as registry
from app.uploads.registry.cli import app as commands
from sample_parcels.writer import Layer, parts, write_zip
from tests.uploads.conftest import ACTOR, FIELDS, MAPPING, Desk, Row, square

SECRETS = ("114.0371", "217431.25", "2451872.5", "1.0000173", "37.4142")
LOCAL = (
    "+proj=tmerc +lat_0=0 +lon_0=114.0371 +k=1.0000173 +x_0=217431.25 +y_0=-2451872.5 +ellps=GRS80"
    " +towgs84=37.4142,0,0 +units=m +type=crs"
)
PIPELINE = (
    "+proj=pipeline +step +inv +proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +a=6378140 +rf=298.257"
    " +step +proj=cart +a=6378140 +rf=298.257 +step +proj=helmert +x=37.4142 +y=0 +z=0"
    " +step +inv +proj=cart +ellps=GRS80 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
)
XIAN_80 = (
    'PROJCS["Xian_1980_3_Degree_GK_CM_114E",GEOGCS["GCS_Xian_1980",DATUM["D_Xian_1980",SPHEROID["Xian_1980",6378140.0,'
    '298.257]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],'
    'PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


def register(desk: Desk, name: str, definition: str, target: int = 4490) -> None:
    with unit_of_work(desk.engine) as session:
        registry.register(session, ACTOR, name, definition, target, desk.settings.srid)


def local(shape: Any) -> Any:
    """A shape of the storage CRS in the local grid."""
    bring = Transformer.from_crs(LOCAL, "EPSG:4326", always_xy=True)
    plane = Transformer.from_crs(4547, 4490, always_xy=True)

    def move(points: Any) -> Any:
        degrees = plane.transform(points[:, 0], points[:, 1])
        return np.column_stack(bring.transform(*degrees, direction="INVERSE"))

    return shapely.transform(shape, move)


def stored(desk: Desk) -> Any:
    return desk.scalar(text("SELECT ST_AsText(geom) FROM parcel_version"))


def test_land_in_a_registered_crs_is_stored_where_it_is(desk: Desk) -> None:
    register(desk, "深圳独立", LOCAL)
    upload = desk.upload([Row("A", local(square(0, 0)))], crs="深圳独立")
    assert upload.state == "committed", desk.codes(upload)
    assert upload.crs == "深圳独立"
    [told] = [one for one in desk.findings(upload) if one.code == "crs_registered"]
    assert (told.severity, told.parameters["crs"]) == ("warn", "深圳独立")
    assert shapely.hausdorff_distance(shapely.from_wkt(stored(desk)), square(0, 0)) < 0.001
    assert desk.scalar(text("SELECT source_crs FROM parcel_version")) == "深圳独立"


@pytest.mark.parametrize("stated", [None, "EPSG:2383"])
def test_an_old_datum_is_taken_once_its_shift_is_registered(desk: Desk, stated: str | None) -> None:
    refused = desk.upload([Row("A", square(0, 0))], crs="EPSG:2383")
    assert "crs_old_datum" in desk.codes(refused)
    register(desk, "EPSG:2383", PIPELINE)
    row = Row("A", square(0, 0))
    path = desk.folder / "old.zip"
    write_zip(path, "old", parts(Layer("old", FIELDS, [row.shape], [row.cells()], prj=XIAN_80)))
    with unit_of_work(desk.engine) as session:
        asked = UploadOptions(collection="parcels", mapping=MAPPING, commit="auto", crs=stated)
        upload = service.run_upload(session, desk.settings, ACTOR, [("old.zip", path)], asked)
    assert upload.state == "committed", desk.codes(upload)
    assert "crs_registered" in desk.codes(upload)
    moved = shapely.hausdorff_distance(shapely.from_wkt(stored(desk)), square(0, 0))
    assert 10 < moved < 200


def test_its_parameters_come_out_nowhere(
    desk: Desk, client: TestClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        client.put("/crs/shenzhen", json={"definition": LOCAL}, headers={"Idempotency-Key": "a"}),
        client.put("/crs/shenzhen", json={"definition": LOCAL}),
        client.put("/crs/broken", json={"definition": LOCAL.replace("tmerc", "nonsense")}),
        client.put("/crs/broken", json={"definition": LOCAL, "target": "x"}),
        client.put("/crs/grid", json={"definition": LOCAL + " +nadgrids=shift.gsb"}),
        client.get("/crs"),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 400, 400, 400, 200]
    upload = desk.upload([Row("A", local(square(0, 0)))], crs="shenzhen")
    assert upload.state == "committed"
    lost = desk.upload([Row("B", square(0, 0, 10_000))], "lost.zip", crs="shenzhen")
    for one in (upload, lost):
        path = f"/uploads/{one.id}"
        answers += [client.get(path), *(client.get(f"{path}/findings?f={f}") for f in ("json", "geojson", "csv"))]
    answers += [client.get(path) for path in ("/uploads", "/parcels/A/history", "/parcels", "/openapi.json")]
    answers.append(client.delete("/crs/shenzhen"))
    texts = [answer.text for answer in answers] + [caplog.text, *capfd.readouterr()]
    kept = ("audit_entry", "upload", "finding", "idempotency_key", "parcel_version", "publication")
    for table in kept:
        texts += [str(row) for row in desk.rows(text(f"SELECT to_jsonb(t) FROM {table} AS t"))]  # noqa: S608  a fixed list
    assert not [secret for secret in SECRETS for said in texts if secret in said]
    assert "crs.register" in str(desk.all(text("SELECT action FROM audit_entry")))


def test_what_cannot_be_used_is_refused_by_its_name_alone(desk: Desk) -> None:
    for definition in ("", "nonsense", LOCAL.replace("tmerc", "x"), PIPELINE + " +step +proj=x", "+proj=pipeline"):
        with pytest.raises(BadRequest, match="crs_definition_invalid") as error:
            register(desk, "a", definition)
        assert error.value.__cause__ is None
        assert not [secret for secret in SECRETS if secret in str(error.value.messages)]
    for name in ("EPSG:4547", "4547", "1a", "a:b", "", "x" * 61, "EPSG:99999"):
        with pytest.raises(BadRequest, match="crs_name_invalid"):
            register(desk, name, LOCAL)
    with pytest.raises(BadRequest, match="crs_target_unknown"):
        register(desk, "a", PIPELINE, target=2383)


def test_a_name_that_is_gone_is_told(desk: Desk) -> None:
    register(desk, "a", LOCAL)
    with unit_of_work(desk.engine) as session:
        registry.remove(session, ACTOR, "a")
    with pytest.raises(NotFound, match="crs_not_registered"), unit_of_work(desk.engine) as session:
        registry.remove(session, ACTOR, "a")
    with pytest.raises(BadRequest, match="crs_unknown"):
        desk.upload([Row("A", square(0, 0))], crs="a")


def test_a_local_grid_in_the_file_gives_way_to_what_is_stated(desk: Desk) -> None:
    register(desk, "a", LOCAL)
    path = desk.folder / "grid.zip"
    row = Row("A", local(square(0, 0)))
    prj = 'LOCAL_CS["shenzhen",LOCAL_DATUM["x",0],UNIT["metre",1]]'
    write_zip(path, "grid", parts(Layer("grid", FIELDS, [row.shape], [row.cells()], prj=prj)))
    for stated, state in ((None, "refused"), ("a", "committed")):
        asked = UploadOptions(collection="parcels", mapping=MAPPING, commit="auto", crs=stated)
        with unit_of_work(desk.engine) as session:
            upload = service.run_upload(session, desk.settings, ACTOR, [("grid.zip", path)], asked)
        assert upload.state == state, desk.codes(upload)


def test_the_command_reads_a_file_and_never_prints_it(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"\xff\xfe" + LOCAL.encode())
    ended = CliRunner().invoke(commands, ["register", "a", str(bad)])
    assert isinstance(ended.exception, BadRequest)
    assert SECRETS[0] not in ended.output
