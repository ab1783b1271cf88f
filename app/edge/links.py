"""Absolute addresses, where ``LANDBANK_PUBLIC_URL`` says under which address others reach the service.

Without it every address is a path: whoever asked knows the rest, and a Host header is nothing to trust.
"""

from contextvars import ContextVar
from typing import Any

public_url: ContextVar[str] = ContextVar("public_url", default="")


def absolute_url(path: str) -> str:
    """The address of a path of ours; whatever is no path stays."""
    return public_url.get() + path if path.startswith("/") else path


def with_absolute_links(document: Any) -> Any:
    """A document whose ``links`` lead to absolute addresses, where there is a public one."""
    return _walked(document) if public_url.get() else document


def _walked(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_walked(item) for item in value]
    if not isinstance(value, dict):
        return value
    # Elsewhere "href" may be anything: the column of somebody's file.
    return {
        name: [_link(item) for item in member] if name == "links" and isinstance(member, list) else _walked(member)
        for name, member in value.items()
    }


def _link(link: Any) -> Any:
    return link | {"href": absolute_url(link["href"])} if isinstance(link, dict) and "href" in link else link
