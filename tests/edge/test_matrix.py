"""Every route × everyone: the table below is the whole truth, and a route that it does not name fails."""

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.auth import Role
from app.main import ROUTERS

PUBLIC = None
ALLOWED: dict[tuple[str, str], Role | None] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/"): PUBLIC,
    ("GET", "/static/landbank.css"): PUBLIC,
    ("GET", "/metrics"): Role.VIEWER,
    ("GET", "/openapi.json"): Role.VIEWER,
    ("GET", "/docs"): Role.VIEWER,
    ("GET", "/me"): Role.VIEWER,
    ("POST", "/uploads"): Role.EDITOR,
    ("GET", "/uploads"): Role.VIEWER,
    ("GET", "/uploads/{upload_id}"): Role.VIEWER,
    ("PATCH", "/uploads/{upload_id}"): Role.EDITOR,
    ("GET", "/uploads/{upload_id}/events"): Role.VIEWER,
    ("GET", "/uploads/{upload_id}/findings"): Role.VIEWER,
    ("GET", "/uploads/{upload_id}/rows"): Role.VIEWER,
    ("GET", "/uploads/{upload_id}/refused"): Role.VIEWER,
    ("POST", "/uploads/{upload_id}/commit"): Role.EDITOR,
    ("POST", "/uploads/{upload_id}/undo"): Role.EDITOR,
    ("GET", "/parcels/{code:path}/history"): Role.VIEWER,
    ("GET", "/parcels/{code:path}/events"): Role.VIEWER,
    ("GET", "/parcels"): Role.VIEWER,
    ("GET", "/hectares"): Role.VIEWER,
    ("GET", "/progress"): Role.VIEWER,
    ("GET", "/events"): Role.VIEWER,
    ("POST", "/events"): Role.EDITOR,
    ("GET", "/documents"): Role.VIEWER,
    ("POST", "/documents"): Role.EDITOR,
    ("GET", "/documents/{document}"): Role.VIEWER,
    ("GET", "/documents/{document}/file"): Role.VIEWER,
    ("PUT", "/documents/{document}/file"): Role.EDITOR,
    ("GET", "/uploads/{upload_id}/file"): Role.VIEWER,
    ("GET", "/mappings"): Role.VIEWER,
    ("GET", "/mappings/{name}"): Role.VIEWER,
    ("PUT", "/mappings/{name}"): Role.EDITOR,
    ("DELETE", "/mappings/{name}"): Role.EDITOR,
    ("POST", "/hectares"): Role.VIEWER,
    ("GET", "/contiguous"): Role.VIEWER,
    ("GET", "/projects"): Role.VIEWER,
    ("GET", "/rules"): Role.VIEWER,
    ("GET", "/rules/{code}"): Role.VIEWER,
    ("POST", "/rules"): Role.ADMIN,
    ("POST", "/rules/try"): Role.EDITOR,
    ("GET", "/stage-weights"): Role.VIEWER,
    ("POST", "/stage-weights"): Role.ADMIN,
    ("GET", "/card-rules"): Role.VIEWER,
    ("POST", "/card-rules"): Role.ADMIN,
    ("GET", "/targets/{target}/versions"): Role.VIEWER,
    ("GET", "/zones"): Role.VIEWER,
    ("GET", "/check"): Role.ADMIN,
    ("GET", "/hectares/changes"): Role.VIEWER,
    ("POST", "/parcels/split"): Role.EDITOR,
    ("POST", "/parcels/merge"): Role.EDITOR,
    ("POST", "/parcels/{code:path}/boundary"): Role.EDITOR,
    ("GET", "/lineage/{operation}"): Role.VIEWER,
    ("POST", "/lineage/{operation}/undo"): Role.EDITOR,
    ("GET", "/targets"): Role.VIEWER,
    ("POST", "/targets"): Role.EDITOR,
    ("GET", "/land-categories"): Role.VIEWER,
    ("GET", "/places"): Role.VIEWER,
    ("GET", "/findings"): Role.VIEWER,
    ("GET", "/crs"): Role.VIEWER,
    ("PUT", "/crs/{name}"): Role.ADMIN,
    ("DELETE", "/crs/{name}"): Role.ADMIN,
}


def routes() -> Iterator[tuple[str, str]]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or set():
                yield method, route.path


def test_every_route_is_in_the_table() -> None:
    assert set(routes()) == set(ALLOWED)


@pytest.mark.parametrize(("method", "path"), sorted(ALLOWED))
def test_each_identity_gets_what_the_table_says(web: TestClient, keys: dict[str, str], method: str, path: str) -> None:
    needed = ALLOWED[method, path]
    address = (
        path.replace("{upload_id}", "999999999")
        .replace("{code}", "NO-SUCH")
        .replace("{code:path}", "NO-SUCH")
        .replace("{name}", "none")
        .replace("{target}", "999999999")
        .replace("{operation}", "999999999")
        .replace("{document}", "999999999")
    )
    for identity in ("anonymous", "revoked", "disabled", *Role):
        headers = {} if identity == "anonymous" else {"X-API-Key": keys[identity]}
        status = web.request(method, address, headers=headers).status_code
        if needed is None:
            assert status == 200, identity
        elif identity in {"anonymous", "revoked", "disabled"}:
            assert status == 401, identity
        elif not Role(identity).includes(needed):
            assert status == 403, identity
        else:
            assert status not in {401, 403, 405}, identity
            assert status < 500, identity
