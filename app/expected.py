"""What Pydantic wanted of a value, in our words and both languages: its own are English only."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from app.errors import Messages, message

_CODES = {
    "int_parsing": "expected_integer",
    "int_parsing_size": "expected_integer",
    "int_from_float": "expected_integer",
    "int_type": "expected_integer",
    "decimal_parsing": "expected_number",
    "decimal_type": "expected_number",
    "finite_number": "expected_number",
    "decimal_max_places": "expected_decimal_places",
    "decimal_max_digits": "expected_digits",
    "decimal_whole_digits": "expected_digits",
    "bool_parsing": "expected_boolean",
    "bool_type": "expected_boolean",
    "date_parsing": "expected_day",
    "date_type": "expected_day",
    "date_from_datetime_parsing": "expected_day",
    "date_from_datetime_inexact": "expected_day",
    "string_type": "expected_text",
    "string_too_short": "expected_longer",
    "too_short": "expected_longer",
    "string_too_long": "expected_shorter",
    "too_long": "expected_shorter",
    "string_pattern_mismatch": "expected_pattern",
    "list_type": "expected_list",
    "tuple_type": "expected_list",
    "dict_type": "expected_object",
    "model_type": "expected_object",
    "model_attributes_type": "expected_object",
    "literal_error": "expected_one_of",
    "enum": "expected_one_of",
    "greater_than": "expected_above",
    "greater_than_equal": "expected_at_least",
    "less_than": "expected_below",
    "less_than_equal": "expected_at_most",
}
OURS = ("expected_database_address", "expected_web_address", "expected_time_zone", "expected_projected_crs")
"""What our own validators say, as the type of a ``PydanticCustomError``."""
_LIMITS = ("gt", "ge", "lt", "le", "min_length", "max_length", "decimal_places", "max_digits", "whole_digits")


def unfit(code: str) -> PydanticCustomError:
    """The error by which a validator says that it expected ``code``, one of :data:`OURS`."""
    return PydanticCustomError(code, "{reason}", {"reason": message(code).en.what})


def expected(error: Mapping[str, Any]) -> Messages:
    """What was expected where ``error`` was found. Of the rest Pydantic's own sentence is told beside ours."""
    context: Mapping[str, Any] = error.get("ctx", {})
    code = error["type"] if error["type"] in OURS else _CODES.get(error["type"])
    if code is None:
        return message("expected_otherwise", reason=error["msg"])
    limit = next((context[name] for name in _LIMITS if name in context), "")
    return message(code, limit=limit, choices=str(context.get("expected", "")).replace(" or ", ", "))
