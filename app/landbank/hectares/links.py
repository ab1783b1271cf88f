"""From a row to exactly what it counts: the question that asks for one row alone, and its address."""

from collections.abc import Mapping, Sequence
from datetime import date

from app.landbank.hectares.query import NONE, OUTLINED, PIECES, Code, HectaresQuery, Key, written


class Links:
    """The addresses of a question's rows. What rows share is written once: a thousand rows have a thousand links."""

    def __init__(self, query: HectaresQuery, tops: Mapping[str, str]) -> None:
        """``tops``: the top of each land category."""
        self._query, self._tops = query, tops
        self._shared = self.parameters(())
        self._of_code: dict[tuple[type[Code], Key], dict[str, str]] = {}
        self._begun: dict[tuple[Key, ...], dict[str, str]] = {}

    def href(self, keys: tuple[Key, ...]) -> str:
        """Where exactly the pieces of one row are listed."""
        found = self._shared
        if keys:
            begun = self._begun.get(keys[:-1])
            if begun is None or keys[-1][0] in OUTLINED:  # a feature may be called 1 and another 1.0
                begun = self._begun[keys[:-1]] = self._merged(keys[:-1])
            found = begun | self._own(keys[-1])
        return PIECES + "&".join(found.values())

    def parameters(self, keys: Sequence[Key]) -> dict[str, str]:
        """The parameters of a link as they stand in it, by name."""
        return written(narrowed(self._query, keys, self._tops).parameters())

    def _merged(self, keys: tuple[Key, ...]) -> dict[str, str]:
        found = self._shared
        for key in keys:
            found = found | self._own(key)
        return found

    def _own(self, key: Key) -> dict[str, str]:
        """What a code says otherwise than all rows together."""
        kind = (type(key[1]), key)
        own = self._of_code.get(kind)
        if own is None:
            told = self.parameters((key,))
            own = self._of_code[kind] = {name: text for name, text in told.items() if self._shared.get(name) != text}
        return own


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
