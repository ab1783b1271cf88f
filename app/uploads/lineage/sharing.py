"""Square metres shared out over the parts of a parcel, place by place, so that no sum changes.

A parcel's portions say how much of it lies in each place. Its parts get whole numbers of 1e-4 m² as near as can be to
what they measure, such that each part's portions sum to the part and each place's portions sum to what the parcel had
there, for each epoch of place boundaries.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from app.geometry import largest_remainder


class Where(NamedTuple):
    """A place during one boundary epoch: what portions are told apart by."""

    district: str | None
    sub_district: str | None
    community: str | None
    boundary_from: date
    boundary_to: date


Account = Mapping[Where, int]


def share(source: Account, parts: Sequence[Account], measured: Sequence[int]) -> list[dict[Where, int]]:
    """What each part gets of ``source``, in each place, in 1e-4 m².

    ``parts``: how much of each part was measured in each place. ``measured``: each part's whole size.
    """
    found: list[dict[Where, int]] = [{} for _ in parts]
    sizes: list[int] | None = None
    for places in _epochs(source):
        columns = [source[place] for place in places]
        if sizes is None:
            sizes = largest_remainder(measured, sum(columns))
        weights = [[part.get(place, 0) for place in places] for part in parts]
        for part, row in zip(found, transport(weights, sizes, columns), strict=True):
            part |= {place: size for place, size in zip(places, row, strict=True) if size}
    return found


def _epochs(source: Account) -> Iterator[list[Where]]:
    """The places of ``source``, epoch by epoch: each epoch holds the whole parcel once."""
    for start in sorted({place.boundary_from for place in source}):
        yield [place for place in source if place.boundary_from == start]


def transport(weights: Sequence[Sequence[int]], rows: Sequence[int], columns: Sequence[int]) -> list[list[int]]:
    """Whole numbers with the sums ``rows`` and ``columns``, near ``weights``. Both sums add up to the same.

    First every cell gets what neither of its sums could object to; what is then missing is a handful of units, which
    go where there is weight, over other cells if need be. Only where no weight is left do they go elsewhere.
    """
    heavy = [sum(row) for row in weights]
    tall = [sum(row[column] for row in weights) for column in range(len(columns))]
    found = [
        [
            min(weight * rows[i] // heavy[i], weight * columns[j] // tall[j]) if weight else 0
            for j, weight in enumerate(row)
        ]
        for i, row in enumerate(weights)
    ]
    for i, total in enumerate(rows):
        while sum(found[i]) < total:
            missing = [column - sum(row[j] for row in found) for j, column in enumerate(columns)]
            path = _path(weights, found, i, missing) or [(i, max(range(len(missing)), key=missing.__getitem__))]
            amount = min(total - sum(found[i]), missing[path[-1][1]], *(found[r][c] for r, c in path[1::2]))
            for step, (row, column) in enumerate(path):
                found[row][column] += -amount if step % 2 else amount
    return found


def _path(
    weights: Sequence[Sequence[int]], found: Sequence[Sequence[int]], start: int, missing: Sequence[int]
) -> list[tuple[int, int]] | None:
    """The shortest way for units of row ``start`` to a column that misses some: cells that gain and lose in turn."""
    waiting: deque[list[tuple[int, int]]] = deque([[(start, j)] for j, weight in enumerate(weights[start]) if weight])
    seen = {path[-1][1] for path in waiting}
    while waiting:
        path = waiting.popleft()
        column = path[-1][1]
        if missing[column] > 0:
            return path
        for other, row in enumerate(found):
            if row[column] > 0:
                onward = [j for j, weight in enumerate(weights[other]) if weight and j not in seen]
                seen.update(onward)
                waiting.extend([*path, (other, column), (other, j)] for j in onward)
    return None
