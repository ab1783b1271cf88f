"""What goes out: problems, headers, entity tags, CSV; and never a success that was not committed."""

import csv
import io
import re
from decimal import Decimal

import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from app.edge import answer, csv_answer, csv_safe, problem_document, public_url, weak_etag, with_absolute_links
from app.edge.middleware import SECURITY_HEADERS, foreseen
from app.edge.problems import TITLES_ZH, from_database, from_http, preferred_language
from app.errors import BadRequest, LandbankError, NotFound
from app.main import create_app
from app.settings import Settings, load_settings

ADMIN = {"X-API-Key": "an administrator's key of enough length"}


def test_a_failed_commit_is_no_success(web: TestClient, editor: dict[str, str]) -> None:
    found = web.post("/probe/uncommittable", headers=editor)
    assert (found.status_code, found.json()["code"]) == (409, "conflicting_change")


def test_a_lost_connection_is_no_success(web: TestClient, app_engine: Engine, editor: dict[str, str]) -> None:
    end_of_self = "SELECT pg_terminate_backend(pg_backend_pid())"
    found = web.post("/probe/sql", params={"statement": end_of_self}, headers=editor)
    assert (found.status_code, found.headers["Retry-After"]) == (503, "5")
    assert found.json()["code"] == "database_unavailable"
    with app_engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("SELECT 9223372036854775807 + 1", 400, "value_not_storable"),
        ("SELECT * FROM no_such_table", 503, "database_not_migrated"),
        ("UPDATE publication SET actor = ''", 403, "append_only"),
        ("SELECT 1 / 0", 400, "value_not_storable"),
        ("no SQL", 500, "unforeseen"),
    ],
)
def test_database_errors_are_problems(
    web: TestClient, editor: dict[str, str], statement: str, status: int, code: str
) -> None:
    found = web.post("/probe/sql", params={"statement": statement}, headers=editor)
    assert (found.status_code, found.json()["code"]) == (status, code)
    assert "SELECT" not in found.text
    assert "psycopg" not in found.text


def test_a_returned_refusal_stores_nothing(web: TestClient, editor: dict[str, str], app_engine: Engine) -> None:
    assert web.post("/probe/refused?title=returned", headers=editor).status_code == 422
    with app_engine.connect() as connection:
        statement = text("SELECT count(*) FROM audit_entry WHERE subject = 'returned'")
        assert connection.execute(statement).scalar_one() == 0


def test_a_write_of_anyone_has_nobody_to_record(web: TestClient) -> None:
    assert web.post("/probe/public").status_code == 200
    assert web.post("/probe/public", headers={"Idempotency-Key": "of-nobody"}).status_code == 200


def test_a_read_cannot_write(web: TestClient, viewer: dict[str, str], app_engine: Engine) -> None:
    assert web.get("/probe/write", headers=viewer).status_code == 500
    with app_engine.connect() as connection:
        statement = text("SELECT count(*) FROM audit_entry WHERE subject = 'a read that writes'")
        assert connection.execute(statement).scalar_one() == 0


def test_a_write_leaves_a_trace(web: TestClient, editor: dict[str, str], app_engine: Engine) -> None:
    found = web.post("/probe/bare", headers=editor)
    name = web.get("/me", headers=editor).json()["name"]
    with app_engine.connect() as connection:
        statement = text("SELECT actor_name, action, subject FROM audit_entry WHERE request_id = :id")
        rows = connection.execute(statement, {"id": found.headers["X-Request-Id"]}).all()
    assert [tuple(row) for row in rows] == [(name, "POST /probe/bare", "/probe/bare")]


def test_the_unforeseen_has_a_number_and_no_details(web: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    found = web.get("/probe/defect")
    assert found.status_code == 500
    for secret in ("secret", "/srv", "SELECT", "Traceback", "ZeroDivisionError", ".py"):
        assert secret not in found.text
    number = found.headers["X-Request-Id"]
    assert number in found.json()["messages"]["en"]["what"]
    assert found.json()["instance"] == f"urn:uuid:{number}"
    logged = "".join(capfd.readouterr())
    assert number in logged
    assert "ZeroDivisionError" in logged


def test_problems_have_one_shape(web: TestClient, editor: dict[str, str], viewer: dict[str, str]) -> None:
    answers = [
        web.get("/nowhere"),
        web.get("/healthz/"),
        web.delete("/healthz"),
        web.get("/me"),
        web.post("/probe/notes", headers=viewer),
        web.post("/probe/notes", headers=editor, content=b"x"),
        web.get("/probe/defect"),
        web.get("/probe/version", headers=viewer | {"If-Match": '"6"'}),
    ]
    assert [found.status_code for found in answers] == [404, 404, 405, 401, 403, 415, 500, 412]
    for found in answers:
        problem = found.json()
        assert found.headers["Content-Type"] == "application/problem+json"
        assert found.headers["Content-Language"] == "zh"
        assert problem["status"] == found.status_code
        assert problem["type"] == f"urn:landbank:problem:{problem['code']}"
        assert problem["title"] == TITLES_ZH[found.status_code]
        for language in ("zh", "en"):
            assert set(problem["messages"][language]) == {"what", "do"}
        assert problem["messages"]["zh"]["what"] in problem["detail"]
    assert answers[2].headers["Allow"] == "GET, HEAD"


def test_every_status_has_a_title() -> None:
    def below(kind: type[LandbankError]) -> set[int]:
        return {kind.status}.union(*(below(child) for child in kind.__subclasses__()))

    assert below(LandbankError) <= set(TITLES_ZH)


def test_the_language_is_chosen(web: TestClient) -> None:
    found = web.get("/me", headers={"Accept-Language": "fr, en-GB;q=0.8, zh;q=0.3"})
    assert (found.headers["Content-Language"], found.json()["title"]) == ("en", "Unauthorized")
    assert found.headers["Vary"] == "Accept-Language"


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "zh"), ("*", "zh"), ("en", "en"), ("zh-CN,en;q=0.9", "zh"), ("en;q=x", "zh"), ("en;q=0", "zh")],
)
def test_languages(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_every_answer_has_security_headers(web: TestClient, viewer: dict[str, str]) -> None:
    for address in ("/", "/docs", "/healthz", "/me", "/nowhere", "/probe/defect", "/static/landbank.css", "/metrics"):
        found = web.get(address, headers=viewer)
        for name in SECURITY_HEADERS:
            assert name in found.headers, (address, name)
        policy = found.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "Strict-Transport-Security" not in found.headers


def test_behind_our_own_tls_browsers_stay_with_it(edge_settings: Settings, tmp_path: object) -> None:
    app = create_app(edge_settings.model_copy(update={"tls_cert": tmp_path}))
    with TestClient(app) as web:
        assert "max-age" in web.get("/healthz").headers["Strict-Transport-Security"]


def test_pages_fetch_nothing_from_elsewhere(web: TestClient, viewer: dict[str, str]) -> None:
    for address in ("/", "/docs"):
        page = web.get(address, headers=viewer).text
        assert "<script" not in page
        assert "style=" not in page
        assert all(link.startswith("/") for link in re.findall(r'(?:href|src)="([^"]*)"', page))
    assert "/uploads" in web.get("/docs", headers=viewer).text


def test_openapi_tells_bodies_and_problems(web: TestClient, viewer: dict[str, str]) -> None:
    document = web.get("/openapi.json", headers=viewer).json()
    upload = document["paths"]["/uploads"]["post"]
    assert "file" in upload["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert upload["responses"]["default"]["content"]["application/problem+json"]
    assert "422" not in str(upload["responses"])
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert document["paths"]["/uploads"]["get"]["security"] != []
    note = document["paths"]["/probe/notes"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(note["properties"]) == {"title", "hectares"}


def test_entity_tags(web: TestClient, viewer: dict[str, str]) -> None:
    first = web.get("/probe/read", headers=viewer)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    for header in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = web.get("/probe/read", headers=viewer | {"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert web.get("/probe/read", headers=viewer | {"If-None-Match": '"x"'}).status_code == 200
    assert web.get("/probe/version", headers=viewer | {"If-Match": 'W/"7"'}).headers["ETag"] == 'W/"7"'
    assert web.get("/probe/version", headers=viewer).status_code == 200


def test_readiness(web: TestClient, edge_settings: Settings) -> None:
    assert web.get("/readyz").json() == {
        "status": "ok",
        "checks": {"database": "ok", "files": "ok"},
        "hints": {"worker": "none"},
    }
    file = edge_settings.home / "a file"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    broken = edge_settings.model_copy(
        update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none"), "files": file}
    )
    # A cached value of the original would hide the other folder.
    broken.__dict__.pop("files_path", None)
    with TestClient(create_app(broken)) as other:
        assert other.get("/healthz").status_code == 200
        found = other.get("/readyz")
        assert (found.status_code, found.json()["code"]) == (503, "not_ready")
        assert found.json()["checks"] == {"database": "database_unavailable", "files": "not_writable"}
        assert other.get("/me", headers={"X-API-Key": "any"}).json()["code"] == "database_unavailable"


def test_readiness_of_another_crs(edge_settings: Settings) -> None:
    other = edge_settings.model_copy(update={"crs": "EPSG:31287"})
    other.__dict__.pop("srid", None)
    with TestClient(create_app(other)) as web:
        assert web.get("/readyz").json()["checks"]["database"] == "database_crs_differs"


def test_an_application_needs_a_database(edge_settings: Settings) -> None:
    with pytest.raises(LandbankError):
        create_app(edge_settings.model_copy(update={"database_url": None}))


def test_metrics_count_by_route(web: TestClient, viewer: dict[str, str]) -> None:
    web.get("/uploads/12345", headers=viewer)
    text_of = web.get("/metrics", headers=viewer).text
    assert 'landbank_requests_total{method="GET",route="/uploads/{upload_id}",status="404"}' in text_of
    assert "12345" not in text_of


def test_a_problem_of_a_command_has_no_instance() -> None:
    error = NotFound("user_unknown", name="x", extra={"checks": 1, "status": 200})
    document = problem_document(error, language="en")
    assert "instance" not in document
    assert (document["status"], document["checks"]) == (404, 1)


def test_errors_of_drivers_and_pools() -> None:
    assert from_database(PoolTimeout()).code == "database_unavailable"
    assert from_database(SQLAlchemyError("odd")).code == "unforeseen"
    assert from_database(IntegrityError("", None, ValueError())).code == "conflicting_change"


def test_weak_tags_tell_apart() -> None:
    assert weak_etag(1, "checked") == weak_etag(1, "checked") != weak_etag("1c", "hecked")


def test_disks_and_odd_refusals() -> None:
    assert foreseen(OSError(28, "No space left")).code == "disk_nearly_full"
    assert foreseen(OSError(13, "denied")).code == "unforeseen"
    assert from_http(HTTPException(413)).code == "body_too_large"
    assert from_http(HTTPException(400)).code == "request_malformed"


@given(st.text())
def test_no_cell_is_a_formula(cell: str) -> None:
    safe = csv_safe(cell)
    assert safe in {cell, f"'{cell}"}
    assert not safe.startswith(("=", "@", "\t", "\r", "＝", "＋", "－", "＠", "\0", "\n"))
    assert not safe.startswith(("+", "-")) or re.fullmatch(r"[+-]\d+(\.\d+)?", safe)


def test_csv_for_spreadsheets(app: FastAPI) -> None:
    assert app.title
    rows = [("=1+1", Decimal("-1.50"), "-3.2", None, 7), ('"quoted", 宗地\n', Decimal(0), "-3-2", True, "@x")]
    found = csv_answer(["name", "=x", "a", "b", "c"], rows, "公顷 2026.csv")
    body = bytes(found.body)
    assert body.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert read[0] == ["name", "'=x", "a", "b", "c"]
    assert read[1] == ["'=1+1", "-1.50", "-3.2", "", "7"]
    assert read[2] == ['"quoted", 宗地\n', "0", "'-3-2", "True", "'@x"]
    assert found.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E5%85%AC")


def test_json_keeps_figures_exact() -> None:
    body = bytes(answer({"h": Decimal("12.34567890"), "small": Decimal("1E-7"), "codes": {"b", "a"}, "k": Engine}).body)
    assert body.startswith(b'{"h":"12.34567890","small":"0.0000001","codes":["a","b"]')


def test_links_start_with_the_public_address_where_there_is_one() -> None:
    document = {
        "links": [{"rel": "self", "href": "/uploads/1"}, {"rel": "else", "href": "https://other.example/"}],
        "rows": [{"links": [{"rel": "parcels", "href": "/parcels?x=1"}], "attributes": {"href": "/a", "links": "b"}}],
    }
    assert with_absolute_links(document) is document
    token = public_url.set("https://landbank.example/tiles")
    try:
        body = orjson.loads(answer(document).body)
    finally:
        public_url.reset(token)
    assert [link["href"] for link in body["links"]] == [
        "https://landbank.example/tiles/uploads/1",
        "https://other.example/",
    ]
    assert body["rows"][0]["links"][0]["href"] == "https://landbank.example/tiles/parcels?x=1"
    assert body["rows"][0]["attributes"] == {"href": "/a", "links": "b"}


def test_the_public_address_is_an_address() -> None:
    public = load_settings(public_url="https://landbank.example/").public_url
    assert public == "https://landbank.example"
    assert load_settings(public_url="").public_url is None
    for wrong in ("landbank.example", "ftp://x", "https://", "https://x/?a=1", "https://x y"):
        with pytest.raises(BadRequest, match="setting_invalid"):
            load_settings(public_url=wrong)
