"""The list of operations, written as HTML from the OpenAPI document: nothing is fetched, nothing is run."""

from collections.abc import Iterator
from html import escape
from typing import Any

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Land bank: the interface</title><link rel="stylesheet" href="/static/landbank.css"></head><body><main>
<h1>接口 The interface</h1>
<p>Keys travel as <code>X-API-Key</code>, <code>Authorization: Bearer</code> or the password of HTTP Basic.
Errors are problem documents (RFC 9457) with a code and texts in Chinese and English. The same as data:
<a href="/openapi.json">/openapi.json</a>.</p>
"""


def docs_page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    return _HEAD + "".join(_operations(document)) + "</main></body></html>\n"


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"<section><h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
            text = operation.get("description") or operation.get("summary", "")
            yield f"<p>{escape(text)}</p>"
            yield from _parameters(operation.get("parameters", []))
            yield from _body(operation.get("requestBody"))
            yield "</section>\n"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><thead><tr><th>parameter</th><th>in</th><th>takes</th><th>meaning</th></tr></thead><tbody>"
    for parameter in parameters:
        name = parameter["name"] + (" *" if parameter.get("required") else "")
        cells = (parameter["in"], _takes(parameter.get("schema", {})), parameter.get("description", ""))
        yield f"<tr><td><code>{escape(name)}</code></td>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        yield "</tr>"
    yield "</tbody></table>"


def _takes(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(kind for kind in map(_takes, schema["anyOf"]) if kind != "null")
    kind = schema.get("format") or schema.get("type") or schema.get("$ref", "any").rsplit("/", 1)[-1]
    return f"{kind} = {schema['default']}" if schema.get("default") is not None else str(kind)


def _body(body: dict[str, Any] | None) -> Iterator[str]:
    if body is None:
        return
    yield "<p>body</p><ul>"
    for media, content in body["content"].items():
        fields = content["schema"].get("properties", {})
        names = ", ".join(f"<code>{escape(name)}</code>" for name in fields)
        yield f"<li><code>{escape(media)}</code> {names}</li>"
    yield "</ul>"
