"""From a row to exactly what it counts: the question that asks for one row alone, and its address."""

from collections.abc import Mapping, Sequence
from datetime import date

from app.landbank.hectares.query import NONE, PIECES, HectaresQuery, written

Code = int | float | str | None
"""What a row is told by: a code, or the id of a posted feature; None: none."""
Key = tuple[str, Code]


class Links:
    """The addresses of a question's rows. What rows share is written once: a thousand rows have a thousand links."""

    def __init__(self, query: HectaresQuery, tops: Mapping[str, str]) -> None:
        """``tops``: the top of each land category."""
        self._query, self._tops = query, tops
        self._shared = self._written(())
        self._of_code: dict[tuple[type[Code], Key], dict[str, str]] = {}

    def href(self, keys: Sequence[Key]) -> str:
        """Where exactly the pieces of one row are listed."""
        found = self._shared
        for key in keys:
            kind = (type(key[1]), key)  # a feature may be called 1 and another 1.0
            if kind not in self._of_code:
                own = self._written((key,))
                self._of_code[kind] = {name: text for name, text in own.items() if self._shared.get(name) != text}
            found = found | self._of_code[kind]
        return PIECES + "&".join(found.values())

    def _written(self, keys: Sequence[Key]) -> dict[str, str]:
        return written(narrowed(self._query, keys, self._tops).parameters())


def narrowed(query: HectaresQuery, keys: Sequence[Key], tops: Mapping[str, str]) -> HectaresQuery:
    """The question that asks for one row alone; ``tops`` gives the top of each land category."""
    values: dict[str, object] = {"by": ()}
    for name, code in keys:
        if name in {"year", "month"}:
            values |= _period(query, str(code))
        elif name in {"feature", "zone"}:
            values[name] = (NONE if name == "zone" else None) if code is None else str(code)
        elif name == "category" and query.category and code not in query.category:
            # Only some children of this category were asked for.
            values[name] = tuple(asked for asked in query.category if tops.get(asked) == code)
        else:
            values[name] = (NONE if code is None else str(code),)
    return query.narrowed(**values)


def _period(query: HectaresQuery, code: str) -> dict[str, object]:
    """The days of a year (yyyy) or month (yyyy-mm): a stock at its end, a flow within it, never past the question's."""
    year, month = int(code[:4]), int(code[5:] or 12)
    after = date(year + month // 12, month % 12 + 1, 1)
    last = min(date.fromordinal(after.toordinal() - 1), query.last_day)
    if query.is_stock:
        return {"as_of": last, "first_day": last, "last_day": last}
    first = max(date(year, int(code[5:] or 1), 1), query.first_day)
    return {"first_day": first, "last_day": last}
