"""Answers kept in memory: the same bytes for the same question, at most so many of them, never of older knowledge."""

from starlette.responses import Response

from app.edge import KeptAnswers


def test_an_answer_is_made_once() -> None:
    kept = KeptAnswers()
    made: list[int] = []

    def make() -> Response:
        made.append(1)
        return Response(b"hectares", headers={"X-Made": str(len(made))})

    first, second = kept.answer("question", make), kept.answer("question", make)
    assert (first.body, second.body, len(made)) == (b"hectares", b"hectares", 1)
    assert second.headers["X-Made"] == "1"
    assert second.headers["ETag"] == first.headers["ETag"]
    second.headers["X-Request-Id"] = "mine"
    assert "X-Request-Id" not in kept.answer("question", make).headers


def test_the_oldest_asked_for_goes_first_and_a_huge_one_is_not_kept() -> None:
    kept = KeptAnswers(limit=80)
    for name in "abcdefgh":
        kept.answer(name, lambda: Response(b"0123456789"))
    kept.answer("a", lambda: Response(b"not made"))
    kept.answer("i", lambda: Response(b"0123456789"))
    assert kept.answer("a", lambda: Response(b"new")).body == b"0123456789"
    assert kept.answer("b", lambda: Response(b"new")).body == b"new"
    assert kept.size <= 80
    assert kept.answer("huge", lambda: Response(b"0" * 11)).body == b"0" * 11
    assert kept.answer("huge", lambda: Response(b"again")).body == b"again"
