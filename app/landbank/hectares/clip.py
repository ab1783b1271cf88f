"""Cutting what a question counts with its outlines: a box, a posted shape, zones. One way for all of them.

What is asked for is a list of *parts*: each feature of a posted collection, with each zone in it and the land outside
every zone. Land may lie in several parts, since features may overlap: rows then repeat it, and the total does not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.landbank.hectares import land
from app.landbank.hectares.cut import Amounts, Land, inside
from app.landbank.hectares.queries import Clip, Listed, Part
from app.landbank.hectares.query import NONE, HectaresQuery
from app.landbank.hectares.region import Region, both, region_of, union


def clip(session: Session, srid: int, query: HectaresQuery) -> Clip | None:
    """What lies inside the question's outlines; None when it has none."""
    return clipped(session, srid, query, region_of(session, srid, query)) if query.is_cut else None


def clipped(
    session: Session, srid: int, query: HectaresQuery, region: Region, parcels: Sequence[int] | None = None
) -> Clip:
    """What lies inside a region, of some parcels or of all."""
    around = land.Around(
        bounds=region.bounds,
        srid=srid,
        known_at=query.known_at,
        today=query.today,
        places=region.places,
        reach=region.places if region.limitless else (),
        parcels=parcels,
    )
    everywhere = region.limitless and region.within is None and query.zone in {None, NONE}
    told = [
        Part(part.feature if "feature" in query.by else None, part.zone if "zone" in query.by else None)
        for part in region.parts
    ]
    rows = tuple(dict.fromkeys(told))
    places = {part: place for place, part in enumerate(rows)}
    return Clip(
        rows=rows,
        row_of=[places[part] for part in told],
        elsewhere=len(region.zones or ()) if everywhere else None,
        portions=_listed(land.portions(session, around), region, query),
        faces=_listed(land.faces(session, around), region, query),
    )


def _listed(found: Land, region: Region, query: HectaresQuery) -> Listed:
    """The pieces of portions or of faces: part by part, and the whole beside them where parts repeat land."""
    cutter = _Cutter(found, region)
    repeated = not region.features_apart or (not region.zones_apart and query.zone is None)
    wanted = _wanted(region, query)
    listed = Listed()
    number = 0
    for _, outline in region.features:
        for zone, amounts in enumerate(cutter.parts(outline)):
            # What was not asked for is listed all the same: what is not listed lies elsewhere.
            _add(listed, found, number, amounts, in_rows=zone in wanted, in_total=zone in wanted and not repeated)
            number += 1
    if repeated:
        outlines = [outline for _, outline in region.features]
        for outline in outlines if region.features_apart else [union(outlines)]:
            for amounts in _chosen(cutter.parts(outline), wanted) if query.zone else [cutter.amounts(outline)]:
                _add(listed, found, number, amounts, in_rows=False, in_total=True)
            number += 1
    return listed


def _wanted(region: Region, query: HectaresQuery) -> frozenset[int]:
    """Which of the parts of each feature were asked for, by place in its list."""
    codes: list[str | None] = [None] if region.zones is None else [*(code for code, _ in region.zones), None]
    if query.zone is None:
        return frozenset(range(len(codes)))
    return frozenset({codes.index(None if query.zone == NONE else query.zone)})


def _chosen(parts: Sequence[Amounts], wanted: frozenset[int]) -> list[Amounts]:
    return [amounts for number, amounts in enumerate(parts) if number in wanted]


def _add(listed: Listed, found: Land, part: int, amounts: Amounts, *, in_rows: bool, in_total: bool) -> None:
    count = len(amounts.index)
    listed.ids.extend(found.ids[amounts.index].tolist())
    listed.parts.extend([part] * count)
    listed.plane.extend(amounts.plane.tolist())
    listed.ellipsoidal.extend(amounts.ellipsoidal.tolist())
    listed.in_rows.extend([in_rows] * count)
    listed.in_total.extend([in_total] * count)


class _Cutter:
    """Cuts some land with the outlines of a region."""

    def __init__(self, found: Land, region: Region) -> None:
        self.land, self.region = found, region
        self.in_places = np.flatnonzero(found.in_places)
        self.elsewhere = np.flatnonzero(~found.in_places)

    def amounts(self, *outlines: Any) -> Amounts:
        """What lies in all of some outlines, and in what the question says land must lie in."""
        outline = None
        for one in outlines:
            outline = both(outline, one)
        found = [inside(self.land, self.elsewhere, both(outline, self.region.within))]
        if self.in_places.size:
            found.append(inside(self.land, self.in_places, outline))
        return Amounts(*(np.concatenate(column) for column in zip(*(one.columns() for one in found), strict=True)))

    def parts(self, outline: Any) -> list[Amounts]:
        """What lies in a feature; where zones are asked for, in each of them and then outside them all."""
        whole = self.amounts(outline)
        if self.region.zones is None:
            return [whole]
        cuts = [self.amounts(outline, zone) for _, zone in self.region.zones]
        if self.region.zones_apart:
            return [*cuts, self._rest(whole, cuts)]
        return [*cuts, self._rest(whole, [self.amounts(outline, union([zone for _, zone in self.region.zones]))])]

    def _rest(self, whole: Amounts, cuts: Sequence[Amounts]) -> Amounts:
        """What the cuts leave of the whole. What rounding alone leaves goes to the last cut, so that parts add up."""
        left = np.zeros((2, len(self.land.ids)), dtype=np.int64)
        left[:, whole.index] = whole.plane, whole.ellipsoidal
        last = np.full(len(self.land.ids), -1)
        times = np.zeros(len(self.land.ids), dtype=np.int64)
        for number, cut in enumerate(cuts):
            left[:, cut.index] -= cut.plane, cut.ellipsoidal
            last[cut.index] = number
            times[cut.index] += 1
        for one in np.flatnonzero((abs(left) <= times).all(axis=0) & left.any(axis=0)):
            cut = cuts[last[one]]
            place = np.flatnonzero(cut.index == one)[0]
            cut.plane[place] += left[0, one]
            cut.ellipsoidal[place] += left[1, one]
            left[:, one] = 0
        index = np.flatnonzero(left[0] > 0)
        return Amounts(index, left[0, index], left[1, index])
