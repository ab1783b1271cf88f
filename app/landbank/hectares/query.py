"""The value that describes a question for hectares, and how request parameters become it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.cql2.reading import LANGUAGES
from app.db import last_publication, nothing_under_way
from app.errors import BadRequest, Unavailable
from app.landbank.hectares.filtering import matching_versions
from app.landbank.hectares.known_codes import refuse_unknown
from app.settings import Settings

MEASURES = ("inventory", "banked", "bank_entries", "supplied", "handed_over", "supply_total")
STOCKS = frozenset({"inventory", "banked"})
GROUPED = ("category", "subcategory", "sub_district", "community", "programme", "project", "year", "month")
"""What a piece of land has of itself; features and zones are told by their outlines."""
OUTLINED = frozenset({"feature", "zone"})
DIMENSIONS = (*GROUPED, *sorted(OUTLINED))
BASES = ("declared", "document", "plane", "ellipsoidal")
LAYERS = ("surface", "above", "below")
PROGRAMMES = ("renewal", "consolidation")
UNITS = ("ha", "m2", "mu")
ROUNDINGS = ("none", "half_up", "balanced")
NONE = "none"
"""In a filter: pieces without a sub-district, a community or a project."""
EARLIEST, LATEST = date(1900, 1, 1), date(2100, 12, 31)
"""Days beyond these are typing errors, and a stock by month up to the year 9999 would be a long table."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_BEGINNING = date(1, 1, 1)
PIECES = "/parcels?"
"""Where the pieces behind a figure are listed."""
ZONE = "zone:"
Code = int | float | str | None
"""What a row is told by: a code, or the id of a posted feature; None: none."""
Key = tuple[str, Code]
"""A dimension and a code in it."""
_FILTERS = ("programme", "category", "subcategory", "sub_district", "community", "project", "layer", "within")


class HectaresParams(BaseModel):
    """The parameters of ``GET /hectares`` as they arrive: text. Lists are separated by commas."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    measure: str = Field("banked", description="inventory, banked, bank_entries, supplied, handed_over, supply_total")
    by: str | None = Field(None, description="Rows by these: category, subcategory, sub_district, community, …")
    as_of: str | None = Field(None, description="Stocks on this day (yyyy-mm-dd); today by default")
    from_: str | None = Field(None, alias="from", description="First day of a flow; else 1 January of as_of's year")
    to: str | None = Field(None, description="Last day of a flow; as_of by default")
    known_at: str | None = Field(None, description="As known at this moment (RFC 3339); the newest by default")
    programme: str | None = Field(None, description="renewal, consolidation")
    category: str | None = Field(None, description="Land category codes; a parent stands for its children")
    subcategory: str | None = Field(None, description="Land category codes, without their children")
    sub_district: str | None = Field(None, description="Sub-district codes; none: land outside every one")
    community: str | None = Field(None, description="Community codes; none: land outside every one")
    project: str | None = Field(None, description="Codes of units or projects; none: land of none")
    layer: str | None = Field(None, description="surface (default), above, below, or several")
    within: str | None = Field(None, description="Codes of places, zone:NAME or zone:NAME/CODE; land in any of them")
    bbox: str | None = Field(None, description="West, south, east, north in degrees (CRS84); parcels are clipped to it")
    shape: str | None = Field(None, description="A posted shape, by its name; parcels are clipped to it")
    feature: str | None = Field(None, description="One feature of the posted shape, by its id or index")
    zones: str | None = Field(None, description="The zones that by=zone tells apart, by their name")
    zone: str | None = Field(None, description="One zone of zones=NAME, by its code; none: land outside them all")
    filter_: str | None = Field(None, alias="filter", description="CQL2 text or JSON over the parcels' own properties")
    filter_lang: str | None = Field(None, alias="filter-lang", description="cql2-text or cql2-json; told by the filter")
    boundaries: str = Field("then", description="Place boundaries: then (in force on the day), now, or of a day")
    basis: str | None = Field(None, description="declared, document, plane or ellipsoidal in place of the rule's")
    unit: str = Field("ha", description="ha, m2 or mu: adds value")
    round: str = Field("none", description="none, half_up, balanced: adds printed, with 2 decimals")


@dataclass(frozen=True)
class HectaresQuery:
    """A question, checked and complete: every default is filled in.

    ``first_day`` and ``last_day`` are both ``as_of`` for a stock. Filters left out are empty. ``bbox`` is west, south,
    east, north in degrees of CRS84. ``versions`` are the ids of the parcel versions that ``filter`` lets through.
    """

    measure: str
    as_of: date
    first_day: date
    last_day: date
    known_at: datetime
    today: date
    by: tuple[str, ...] = ()
    programme: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    subcategory: tuple[str, ...] = ()
    sub_district: tuple[str, ...] = ()
    community: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    layer: tuple[str, ...] = ("surface",)
    within: tuple[str, ...] = ()
    bbox: tuple[float, float, float, float] | None = None
    shape: str | None = None
    feature: str | None = None
    zones: str | None = None
    zone: str | None = None
    filter: str | None = None
    versions: tuple[int, ...] | None = field(default=None, repr=False, compare=False)
    boundaries_on: date | None = None
    basis: str | None = None
    unit: str = "ha"
    rounding: str = "none"

    @property
    def is_stock(self) -> bool:
        """Whether the measure is a stock at a day; else it is a flow over days."""
        return self.measure in STOCKS

    @property
    def step(self) -> str | None:
        """The period that rows are made of: month, year or none."""
        return next((step for step in ("month", "year") if step in self.by), None)

    @property
    def boundaries(self) -> str:
        """The day whose place boundaries cut the parcels; ``then``: each day's own."""
        return "then" if self.boundaries_on is None else str(self.boundaries_on)

    @property
    def zones_within(self) -> tuple[str, ...]:
        """The zones among ``within``, as NAME or NAME/CODE."""
        return tuple(code.removeprefix(ZONE) for code in self.within if code.startswith(ZONE))

    @property
    def places_within(self) -> tuple[str, ...]:
        """The codes of places among ``within``."""
        return tuple(code for code in self.within if not code.startswith(ZONE))

    @property
    def tells_zones(self) -> bool:
        """Whether zones are told apart, or one of them is asked for."""
        return self.zones is not None and ("zone" in self.by or self.zone is not None)

    @property
    def is_cut(self) -> bool:
        """Whether parcels are clipped to an outline, so that parts of them count."""
        return bool(self.bbox or self.shape or self.tells_zones or self.zones_within)

    def narrowed(self, **values: Any) -> "HectaresQuery":
        """The same question with some parts replaced."""
        return replace(self, **values)

    def parameters(self) -> dict[str, str]:
        """The question as parameters of ``GET /hectares``, everything resolved, so that it asks the same for ever."""
        found = {"measure": self.measure, "as_of": str(self.as_of)}
        if not self.is_stock:
            found |= {"from": str(self.first_day), "to": str(self.last_day)}
        found["known_at"] = moment(self.known_at)
        found |= {name: ",".join(getattr(self, name)) for name in _FILTERS if getattr(self, name)}
        found |= {name: value for name in ("shape", "feature") if (value := getattr(self, name)) is not None}
        if self.zone is not None and self.zones is not None:
            found |= {"zones": self.zones, "zone": self.zone}
        if self.bbox:
            found["bbox"] = ",".join(repr(number) for number in self.bbox)
        if self.filter is not None:
            found["filter"] = self.filter
        if self.boundaries != "then":
            found["boundaries"] = self.boundaries
        if self.basis:
            found["basis"] = self.basis
        return found

    def parcels_href(self) -> str:
        """Where exactly the pieces of this question are listed."""
        return PIECES + "&".join(written(self.parameters()).values())

    def sql(self) -> dict[str, object]:
        """The parameters that ``hectares.sql`` and ``parcels.sql`` share; a filter left out is null."""
        whole_past = self.is_stock and self.step is not None
        return {
            "measure": self.measure,
            "first_day": _BEGINNING if whole_past else self.first_day,
            "last_day": self.last_day,
            "known_at": self.known_at,
            "boundaries_on": self.boundaries_on,
            "category_on": self.as_of,
            "basis": self.basis,
            "versions": None if self.versions is None else list(self.versions),
            **{name: list(getattr(self, name)) or None for name in _FILTERS},
            # Zones are outlines: with them, the clip decides what lies within, places included.
            "within": None if self.zones_within else list(self.within) or None,
        }


def written(parameters: Mapping[str, str]) -> dict[str, str]:
    """Each parameter as it stands in an address, under its name."""
    return {name: f"{name}={quote(value, safe=',:')}" for name, value in parameters.items()}


def moment(value: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z")


def resolve(session: Session, settings: Settings, params: HectaresParams) -> HectaresQuery:
    """The question that the parameters ask today. Raises ``BadRequest`` naming the parameter at fault."""
    one_of("measure", params.measure, MEASURES)
    today = settings.today()
    as_of = day("as_of", params.as_of) or today
    first, last = _days(params, as_of)
    known_at = resolve_known_at(session, params.known_at)
    by = _dimensions(params.by)
    _outlines(params, by)
    listed = {name: _listed(name, getattr(params, name)) for name in _FILTERS}
    places = tuple(code for code in listed["within"] if not code.startswith(ZONE))
    refuse_unknown(session, listed | {"within": places})
    return HectaresQuery(
        measure=params.measure,
        as_of=as_of,
        first_day=first,
        last_day=last,
        known_at=known_at,
        today=today,
        by=by,
        **listed,
        bbox=None if params.bbox is None else _box(params.bbox),
        shape=params.shape,
        feature=params.feature,
        zones=params.zones,
        zone=params.zone,
        filter=params.filter_,
        versions=_filtered(session, settings, params),
        boundaries_on=_boundaries_on(settings, params, known_at),
        basis=None if params.basis is None else one_of("basis", params.basis, BASES),
        unit=one_of("unit", params.unit, UNITS),
        rounding=one_of("round", params.round, ROUNDINGS),
    )


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """``value`` when it is among ``allowed``. Raises ``BadRequest``."""
    if value not in allowed:
        raise BadRequest("parameter_not_one_of", parameter=name, name=name, value=value, allowed=", ".join(allowed))
    return value


def day(name: str, value: str | None) -> date | None:
    """A day given as yyyy-mm-dd. Raises ``BadRequest``."""
    if value is None:
        return None
    try:
        found = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        raise BadRequest(
            "parameter_not_a_day", parameter=name, name=name, value=value, earliest=EARLIEST, latest=LATEST
        )
    return found


def resolve_known_at(session: Session, value: str | None, name: str = "known_at") -> datetime:
    """The moment asked for, or that of the newest publication.

    Raises ``BadRequest`` for one to come, and ``Unavailable`` where a publication under way may yet belong before it:
    what was answered for a moment stays so.
    """
    newest = last_publication(session)
    if value is None:
        return newest
    try:
        asked = datetime.fromisoformat(value.replace(" ", "+"))  # a + in a query string arrives as a blank
    except ValueError as error:
        raise BadRequest("parameter_not_a_moment", parameter=name, name=name, value=value) from error
    if asked.tzinfo is None:
        raise BadRequest("parameter_not_a_moment", parameter=name, name=name, value=value)
    if asked > max(newest, datetime.now(asked.tzinfo)):
        raise BadRequest("known_at_in_future", parameter=name, name=name)
    if asked > newest and not nothing_under_way(session):
        raise Unavailable("publication_under_way", parameter=name, newest=moment(newest))
    return asked.astimezone(newest.tzinfo)


def _filtered(session: Session, settings: Settings, params: HectaresParams) -> tuple[int, ...] | None:
    if params.filter_ is None:
        if params.filter_lang is not None:
            raise BadRequest("parameter_missing", parameter="filter", name="filter")
        return None
    language = None if params.filter_lang is None else one_of("filter-lang", params.filter_lang, LANGUAGES)
    return matching_versions(session, settings.srid, params.filter_, language)


def _days(params: HectaresParams, as_of: date) -> tuple[date, date]:
    first, last = day("from", params.from_), day("to", params.to)
    if params.measure in STOCKS:
        for name, value in (("from", first), ("to", last)):
            if value is not None:
                raise BadRequest("period_of_a_stock", parameter=name, measure=params.measure)
        return as_of, as_of
    last = last or as_of
    first = first or as_of.replace(month=1, day=1)
    if first > last:
        raise BadRequest("period_reversed", parameter="from", first=first, last=last)
    return first, last


def _boundaries_on(settings: Settings, params: HectaresParams, known_at: datetime) -> date | None:
    """``now`` is today; in what was known at a moment, that moment's day, so that the answer stays as it was."""
    if params.boundaries == "then":
        return None
    if params.boundaries == "now":
        return settings.today() if params.known_at is None else settings.day_of(known_at)
    return day("boundaries", params.boundaries)


def _dimensions(value: str | None) -> tuple[str, ...]:
    asked = [] if value is None else value.split(",")
    for name in asked:
        one_of("by", name, DIMENSIONS)
    return tuple(name for name in DIMENSIONS if name in asked)


def _outlines(params: HectaresParams, by: tuple[str, ...]) -> None:
    """Raise ``BadRequest`` where a feature or a zone is asked for without saying of what."""
    if params.shape is None and ("feature" in by or params.feature is not None):
        raise BadRequest("feature_without_shape", parameter="by" if params.feature is None else "feature")
    if params.zones is None and ("zone" in by or params.zone is not None):
        raise BadRequest("zone_without_zones", parameter="by" if params.zone is None else "zone")
    if params.zones is not None and not ("zone" in by or params.zone is not None):
        raise BadRequest("zones_without_zone", parameter="zones")


def _listed(name: str, value: str | None) -> tuple[str, ...]:
    if value is None:
        return ("surface",) if name == "layer" else ()
    codes = tuple(sorted(set(value.split(","))))
    if "" in codes:
        raise BadRequest("parameter_empty", parameter=name, name=name)
    if name in {"layer", "programme"}:
        for code in codes:
            one_of(name, code, LAYERS if name == "layer" else PROGRAMMES)
    return codes


def _box(value: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(number) for number in value.split(","))
    except ValueError as error:
        raise BadRequest("bbox_malformed", parameter="bbox", value=value) from error
    if not (_WORLD[0] <= west < east <= _WORLD[2] and _WORLD[1] <= south < north <= _WORLD[3]):  # also for NaN
        raise BadRequest("bbox_malformed", parameter="bbox", value=value)
    return west, south, east, north
