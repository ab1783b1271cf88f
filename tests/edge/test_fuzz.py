"""Whatever is sent, the service answers, and every refusal is a problem in both languages: never 500, never silence."""

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.core.result import Ok

from app.main import create_app
from app.settings import Settings

ADMIN = {"X-API-Key": "an administrator's key of enough length"}


@pytest.fixture(scope="module")
def plain(edge_settings: Settings) -> Iterator[FastAPI]:
    """The application without the routes of the tests."""
    made = create_app(edge_settings)
    yield made
    made.state.engine.dispose()


@pytest.fixture(scope="module")
def document(plain: FastAPI) -> schemathesis.schemas.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", plain, headers=ADMIN)


def check(case: Case[Any]) -> None:
    answer = case.call(headers=ADMIN)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == ["application/problem+json"]
        assert set(answer.json()["messages"]) == {"zh", "en"}


def fuzz(document: schemathesis.schemas.BaseSchema, examples: int) -> None:
    """Well formed and malformed calls of every operation; Hypothesis shows the smallest that fails."""
    operations = [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 20
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            strategy = operation.as_strategy(generation_mode=mode)
            limited = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
            # What takes any text at all cannot be called in a malformed way.
            with suppress(Unsatisfiable) if mode.is_negative else nullcontext():
                limited(given(case=strategy)(check))()


def test_a_few_of_everything(document: schemathesis.schemas.BaseSchema) -> None:
    fuzz(document, 5)


@pytest.mark.all
def test_a_hundred_of_everything(document: schemathesis.schemas.BaseSchema) -> None:
    fuzz(document, 100)
