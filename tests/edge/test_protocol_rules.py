"""What HTTP asks of a service whatever its subject: HEAD, Allow, conditions, compressed bodies; two languages."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.main import ROUTERS

ADMIN = {"X-API-Key": "an administrator's key of enough length"}
PUBLIC_PAGES = ("/", "/healthz", "/static/landbank.css")


def gets() -> Iterator[str]:
    """Every address that answers GET without a part to fill in."""
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and "{" not in route.path:
                yield route.path


@pytest.mark.parametrize("address", sorted(gets()))
def test_head_is_get_without_its_body(web: TestClient, address: str) -> None:
    whole, bare = web.get(address, headers=ADMIN), web.head(address, headers=ADMIN)
    assert (bare.status_code, bare.content) == (whole.status_code, b"")
    assert bare.headers["Content-Type"] == whole.headers["Content-Type"]
    assert bare.headers.get("ETag") == whole.headers.get("ETag") or address in {"/metrics", "/check"}


def test_head_is_guarded_and_counted_as_itself(web: TestClient) -> None:
    refused = web.head("/me")
    assert (refused.status_code, refused.headers["Content-Type"]) == (401, "application/problem+json")
    assert web.head("/nowhere").status_code == 404
    assert 'method="HEAD",route="/me"' in web.get("/metrics", headers=ADMIN).text


def test_allow_names_every_method_of_an_address(web: TestClient) -> None:
    for address, allowed in (
        ("/uploads", "GET, HEAD, POST"),
        ("/uploads/1", "GET, HEAD, PATCH"),
        ("/mappings/a", "DELETE, GET, HEAD, PUT"),
        ("/parcels/split", "POST"),
    ):
        for method in ("OPTIONS", "TRACE"):
            answer = web.request(method, address)
            assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
            assert answer.json()["code"] == "method_not_allowed"


def test_a_condition_that_nothing_looks_at_is_refused(web: TestClient, editor: dict[str, str]) -> None:
    refused = web.post("/probe/notes", json={}, headers=editor | {"If-Match": '"7"'})
    assert (refused.status_code, refused.json()["code"]) == (400, "if_match_unsupported")
    assert refused.json()["parameter"] == "If-Match"
    assert web.post("/probe/notes", json={}, headers=editor | {"If-Match": "*"}).status_code == 201


@pytest.mark.parametrize("address", ["/rules", "/stage-weights", "/card-rules"])
def test_rules_are_set_as_they_were_read(web: TestClient, address: str) -> None:
    bodies = {
        "/rules": {
            "code": "conditions",
            "name_zh": "条件",
            "name_en": "Conditions",
            "programmes": ["renewal"],
            "document_types": ["handover_confirmation"],
        },
        "/stage-weights": {"programme": "renewal", "stage": "审批", "low": "0", "mid": "0.5", "high": "1"},
        "/card-rules": {"green_from": "1", "yellow_from": "0.75"},
    }
    tag = web.get(address, headers=ADMIN).headers["ETag"]
    stale = web.post(address, json=bodies[address], headers=ADMIN | {"If-Match": '"x"'})
    assert stale.status_code == 412, stale.text
    made = web.post(address, json=bodies[address], headers=ADMIN | {"If-Match": tag})
    assert made.status_code == 201, made.text
    assert web.post(address, json=bodies[address], headers=ADMIN | {"If-Match": tag}).status_code == 412


def test_a_document_takes_the_file_that_was_meant(web: TestClient) -> None:
    form = {"type": "approval", "number": "条件〔2026〕1号", "date": "2026-03-01"}
    parts = {key: (None, value) for key, value in form.items()}
    address = f"/documents/{web.post('/documents', files=parts, headers=ADMIN).json()['id']}/file"

    def put(content: bytes, tag: str | None) -> tuple[int, str]:
        condition = {} if tag is None else {"If-Match": tag}
        answer = web.put(f"{address}?filename=a.pdf", content=content, headers=ADMIN | condition)
        return answer.status_code, answer.headers.get("ETag", "")

    assert put(b"first", "*")[0] == 412
    status, first = put(b"first", None)
    assert (status, web.get(address, headers=ADMIN).headers["ETag"]) == (200, first)
    assert put(b"second", '"x"')[0] == 412
    assert put(b"second", first)[0] == 200
    assert put(b"third", first)[0] == 412


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_a_body_compressed_on_its_way_is_not_taken(web: TestClient, encoding: str) -> None:
    compressed = ADMIN | {"Content-Encoding": encoding}
    form = {"file": ("a.zip", b"PK")}
    for answer in (
        web.post("/probe/notes", content=b"{}", headers=compressed | {"Content-Type": "application/json"}),
        web.post("/probe/files", files=form, headers=compressed),
        web.post("/probe/files?filename=a.zip", content=b"PK", headers=compressed),
    ):
        assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding_unsupported")
    plain = ADMIN | {"Content-Encoding": "identity", "Content-Type": "application/json"}
    assert web.post("/probe/notes", content=b"{}", headers=plain).status_code == 201


WRONG: tuple[tuple[str, str, object], ...] = (
    ("GET", "/uploads/abc", None),
    ("GET", "/uploads?limit=0", None),
    ("GET", "/events?after=-1", None),
    ("GET", "/events?after=9223372036854775808", None),
    ("GET", "/targets?year=1700", None),
    ("GET", "/targets?year=9999", None),
    ("GET", "/targets?history=perhaps", None),
    ("GET", "/places?level=planet", None),
    ("GET", "/places?on=2026-02-30", None),
    ("POST", "/probe/notes", []),
    ("POST", "/probe/notes", {"title": 1}),
    ("POST", "/probe/notes", {"hectares": "many"}),
    ("POST", "/probe/notes", {"hectares": "NaN"}),
    ("POST", "/events", {"type": "bank_entry", "parcel": "", "document": 1}),
    ("POST", "/events", {"type": "bank_entry", "parcel": "A" * 501, "document": 1}),
    ("POST", "/events", {"type": "bank_entry", "parcel": "A", "document": 1, "supporting": 1}),
    ("POST", "/events", {"type": "bank_entry", "parcel": "A", "document": 1, "supporting": [1] * 21}),
    ("POST", "/stage-weights", {"programme": "renewal", "stage": "x", "low": 0, "mid": 0, "high": "0.1234567"}),
    ("POST", "/stage-weights", {"programme": "renewal", "stage": "x", "low": -1, "mid": 0, "high": 0}),
    ("PATCH", "/uploads/1", {"decisions": []}),
)


@pytest.mark.parametrize(("method", "address", "body"), WRONG)
def test_what_was_expected_is_told_in_each_language(web: TestClient, method: str, address: str, body: object) -> None:
    answer = web.request(method, address, json=body, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid"), answer.text
    told = answer.json()["messages"]
    reason = told["zh"]["what"].partition("：")[2]
    # Names, limits and choices aside, a Chinese sentence holds no English words.
    assert re.search("[\u4e00-\u9fff]", reason), reason
    assert not re.search(r"\b(Input|should|valid|must|value)\b", reason), reason
    assert not re.search("[\u4e00-\u9fff]", told["en"]["what"])
    assert "Input should" not in told["en"]["what"]


@pytest.mark.parametrize("address", ["/targets?programme=housing", "/events?type=bankruptcy"])
def test_a_choice_that_is_none_is_refused_and_not_answered_with_nothing(web: TestClient, address: str) -> None:
    answer = web.get(address, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_not_one_of")


def test_what_is_made_is_documented_as_made(web: TestClient) -> None:
    paths = web.get("/openapi.json", headers=ADMIN).json()["paths"]
    for address in ("/events", "/documents", "/targets", "/rules", "/stage-weights", "/card-rules", "/parcels/split"):
        assert "201" in paths[address]["post"]["responses"], address
    assert {"200", "201"} <= set(paths["/documents"]["post"]["responses"])
    assert {"200", "201"} <= set(paths["/mappings/{name}"]["put"]["responses"])
    assert "head" not in str({method for operations in paths.values() for method in operations})
