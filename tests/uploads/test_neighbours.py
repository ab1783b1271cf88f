"""Gaps and slivers on the whole way of an upload: asked for by option or by PATCH, stored as the findings say."""

from decimal import Decimal

from shapely.geometry import box
from sqlalchemy import select
from starlette.testclient import TestClient

from app.inventory.models import ParcelVersion
from tests.uploads.conftest import Desk, Row, square

BESIDE = Row("B", box(500_100.04, 2_500_000, 500_200, 2_500_100))
OVER = Row("B", box(500_099.995, 2_500_000, 500_200, 2_500_100))


def test_gaps_are_told_once_asked_for(desk: Desk, client: TestClient) -> None:
    upload = desk.upload([Row("A", square(0, 0)), BESIDE], commit="ask")
    assert "gap" not in desk.codes(upload)
    again = client.patch(f"/uploads/{upload.id}", json={"gap_width": 0.05}).json()
    assert (again["state"], again["gap_width"]) == ("checked", 0.05)
    [gap] = [one for one in desk.findings(upload) if one.code == "gap"]
    assert gap.geometry is not None
    assert gap.geometry["type"] == "Polygon"
    assert client.patch(f"/uploads/{upload.id}", json={"gap_width": 7}).json()["code"] == "gap_width_invalid"


def test_a_clipped_sliver_is_stored_clipped_and_told(desk: Desk) -> None:
    upload = desk.upload([Row("A", square(0, 0)), OVER], slivers="clip")
    assert upload.state == "committed", desk.codes(upload)
    assert {"sliver_clipped"} <= desk.codes(upload)
    assert "overlap" not in desk.codes(upload)
    assert desk.all(select(ParcelVersion.plane_square_metres)) == [Decimal("10000.0000")] * 2
