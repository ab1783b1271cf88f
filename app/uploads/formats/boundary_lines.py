"""The lines of a 勘测定界界址点 TXT: sections, parcels, points; every line read or reported by its number.

An interchange file of land approval, of which every program writes its own dialect: headers of 9, 12 or 13 fields or
none, closing points or none, rings numbered anew, GBK or UTF-8. What is only odd is taken and told.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.uploads.problems import Problem

DESCRIPTION, PROJECT, COORDINATES = "属性描述", "项目信息", "地块坐标"
HEADER_FIELDS = ("界址点数", "面积公顷", "地块编号", "地块名称", "图形属性", "图幅号", "地块用途", "地类编码")
"""The fields of a parcel's line in their order; more are kept by their place."""
FEWEST_HEADER_FIELDS = 5
POINT_FIELDS = 4
END = "@"
WIDE_COMMA = "，"
MIN_CORNERS = 3
_SECTION = re.compile(r"[\[【]\s*(.+?)\s*[\]】]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?")
_POINT_NAME = re.compile(r"[A-Za-z]*-?\d*")

Corner = tuple[str, str]
"""A point's X and Y, as they are written: northing and easting, unless the file has them swapped."""


@dataclass
class Ring:
    """Corners in order, the last one not the first again; ``closed`` where the file repeats it."""

    number: int
    first_name: str
    corners: list[Corner]
    closed: bool = False


@dataclass
class Parcel:
    """One parcel: the line where it begins, its fields, its rings. ``points`` counts its lines of points."""

    line: int
    fields: list[str]
    rings: list[Ring] = field(default_factory=list)
    points: int = 0


@dataclass
class Document:
    """What a file holds. ``faults`` are lines that cannot be read: number, message code, text."""

    description: dict[str, str] = field(default_factory=dict)
    project: dict[str, str] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    faults: list[Problem] = field(default_factory=list)

    def tell(self, code: str, line: int, **values: object) -> None:
        """Something odd that was taken all the same, at a line, of the parcel that is being read."""
        row = len(self.parcels) or None
        self.problems.append(Problem(code, "warn", row, {"line": line, **values}))


def parse(text: str) -> Document:
    """Every line of ``text``."""
    return _Parser().parse(text.splitlines())


class _Parser:
    """Line by line; which section a line is in decides what it can be."""

    def __init__(self) -> None:
        self.document = Document()
        self.section = COORDINATES

    def parse(self, lines: Sequence[str]) -> Document:
        for number, raw in enumerate(lines, start=1):
            line = raw.strip(" \t\ufeff\u3000\x1a\x00")
            if not line:
                continue
            if match := _SECTION.fullmatch(line):
                self._begin(number, match[1])
            elif self.section == COORDINATES:
                self._coordinates(number, line)
            else:
                self._attribute(number, line)
        return self.document

    def _begin(self, number: int, name: str) -> None:
        self.section = name
        if name not in {DESCRIPTION, PROJECT, COORDINATES}:
            self.document.tell("txt_section_unknown", number, text=name[:80])

    def _attribute(self, number: int, line: str) -> None:
        key, sign, value = line.partition("=")
        if not sign:
            key, sign, value = line.replace("：", ":").partition(":")
        if not sign:
            self.document.tell("txt_line_ignored", number, text=line[:80])
            return
        held = self.document.description if self.section == DESCRIPTION else self.document.project
        held.setdefault(key.strip(), value.strip())

    def _coordinates(self, number: int, line: str) -> None:
        fields = [one.strip() for one in line.split(",")]
        if len(fields) < POINT_FIELDS and WIDE_COMMA in line:
            fields = [one.strip() for one in line.replace(WIDE_COMMA, ",").split(",")]
            self.document.tell("txt_wide_comma", number)
        if fields[-1].endswith(END) or len(fields) > POINT_FIELDS + 1:
            self._parcel(number, fields)
        else:
            self._point(number, line, fields)

    def _parcel(self, number: int, fields: list[str]) -> None:
        """A parcel's line ends in @, mostly; the fields before it are as many as the program knew."""
        ended = fields[-1].endswith(END)
        fields[-1] = fields[-1].removesuffix(END).strip()
        if not fields[-1]:
            fields.pop()
        if len(fields) < FEWEST_HEADER_FIELDS:
            self._fault("txt_parcel_unreadable", number, ",".join(fields))
            return
        self.document.parcels.append(Parcel(number, fields))
        if not ended:
            self.document.tell("txt_end_missing", number)
        if any(WIDE_COMMA in one for one in fields):
            self.document.tell("txt_wide_comma", number)

    def _point(self, number: int, line: str, fields: list[str]) -> None:
        if len(fields) == POINT_FIELDS + 1 and not fields[-1]:
            fields.pop()
        if len(fields) != POINT_FIELDS:
            self._fault("txt_columns", number, line, count=len(fields))
            return
        name, ring, *corner = fields
        bad = [one for one in corner if not _NUMBER.fullmatch(one)]
        if bad or not ring.isdecimal() or not _POINT_NAME.fullmatch(name):
            self._fault("txt_not_a_number", number, (bad or [ring if not ring.isdecimal() else name])[0])
            return
        if not self.document.parcels or self._begins_anew(name, int(ring)):
            self.document.parcels.append(Parcel(number, []))
            self.document.tell("txt_header_missing", number)
        parcel = self.document.parcels[-1]
        parcel.points += 1
        _Rings(self.document, parcel, number).add(name, int(ring), (corner[0], corner[1]))

    def _begins_anew(self, name: str, ring: int) -> bool:
        """Without a line for each parcel, one begins where the first point of a first ring follows a closed ring."""
        parcel = self.document.parcels[-1]
        if parcel.fields or not parcel.rings or not parcel.rings[-1].closed:
            return False
        return ring == parcel.rings[0].number and name == parcel.rings[0].first_name

    def _fault(self, code: str, number: int, text: str, **values: object) -> None:
        self.document.faults.append(Problem(code, "refuse", None, {"line": number, "text": text[:80], **values}))


@dataclass(frozen=True)
class _Rings:
    """The rings of a parcel as points come in."""

    document: Document
    parcel: Parcel
    line: int

    def add(self, name: str, number: int, corner: Corner) -> None:
        """A point goes on with the ring, closes it, or begins another."""
        ring = self.parcel.rings[-1] if self.parcel.rings else None
        if ring is None or ring.closed:
            if ring is not None and number == ring.number:
                self.document.tell("txt_ring_restarted", self.line, ring=number)
            self.parcel.rings.append(Ring(number, name, [corner]))
        elif self._closes(ring, name, number, corner):
            ring.closed = True
        elif number != ring.number:
            self.parcel.rings.append(Ring(number, name, [corner]))
        else:
            ring.corners.append(corner)

    def _closes(self, ring: Ring, name: str, number: int, corner: Corner) -> bool:
        """Whether a point is the ring's first again: also under a wrong ring number, or with X written twice."""
        first = ring.corners[0]
        if len(ring.corners) < MIN_CORNERS:
            return False
        if same(corner, first):
            if number != ring.number:
                self.document.tell("txt_closing_ring_number", self.line, ring=number, expected=ring.number)
            return True
        twice = float(corner[0]) == float(corner[1]) == float(first[0]) and name == ring.first_name
        if twice:
            self.document.tell("txt_closing_x_twice", self.line, text=corner[0])
        return twice


def same(one: Corner, other: Corner) -> bool:
    """Whether two corners are the same place, however their numbers are written."""
    return float(one[0]) == float(other[0]) and float(one[1]) == float(other[1])
