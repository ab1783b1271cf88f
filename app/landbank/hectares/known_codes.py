"""Codes that a question names must be known, or have been: a slip of the pen is told, not answered with 0 hectares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.sql import Query

CODES = ("category", "subcategory", "sub_district", "community", "project", "within")


@dataclass(frozen=True)
class _Unknown:
    parameter: str
    code: str


_UNKNOWN = Query("app.landbank.hectares", "unknown_codes.sql", _Unknown)


def refuse_unknown(session: Session, asked: Mapping[str, Sequence[str]]) -> None:
    """Raise ``BadRequest`` for the first code, by parameter, that nobody has ever known."""
    named = [(parameter, code) for parameter in CODES for code in asked[parameter]]
    if not named:
        return
    parameters, codes = zip(*named, strict=True)
    for one in _UNKNOWN.all(session, parameters=list(parameters), codes=list(codes)):
        raise BadRequest("code_unknown", parameter=one.parameter, name=one.parameter, value=one.code)
