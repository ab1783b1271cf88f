"""Which file of an upload is meant: the data sets of a zip or of loose files, and the parts of the one chosen."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.uploads.archive import Member, Package, Upload, head, ignored, nothing_usable, opened, printable
from app.uploads.problems import Problem, refusal
from app.uploads.sniff import FILE_GEODATABASE, LAYERS, PARTS, PERHAPS, SHAPEFILE, SUFFIXES, kind

GEODATABASE = ".gdb"
_CATALOGUE = "a00000001.gdbtable"
"""The table that every File Geodatabase begins with."""
_BELONGS = {suffix: first for first, beside in PARTS.items() for suffix in (first, *beside)}

Members = dict[str, Member]


@dataclass(frozen=True)
class Dataset:
    """One data set on disk: its parts by lower-case suffix under names of our own, ``name`` the sender's stem.

    ``kind`` is what the main file is by its content. A File Geodatabase is a folder.
    """

    name: str
    kind: str
    main: Path
    parts: dict[str, Path]


@dataclass(frozen=True)
class Unpacked:
    """The chosen data set, the names of all that there were, the layer asked for inside it, and what was found."""

    dataset: Dataset
    layers: list[str]
    inside: str | None
    problems: list[Problem]


@dataclass(frozen=True)
class _Group:
    """The members of one data set by suffix; a File Geodatabase's are by file name."""

    path: PurePosixPath
    suffix: str
    members: Members


def unpack(uploads: Sequence[Upload], workdir: Path, layer: str | None = None) -> Unpacked:
    """Put the data set that ``layer`` means into ``workdir``; refuse the unsafe and the unclear."""
    package = opened(uploads, workdir)
    found = _groups(package)
    layers = sorted(found)
    name, inside = _choose(layers, layer, found)
    group = found[name]
    problems = [*package.problems, *package.names.problems(), *_case_problem(group)]
    return Unpacked(_taken(package, group, name, workdir), layers, inside, problems)


def _taken(package: Package, group: _Group, name: str, workdir: Path) -> Dataset:
    if group.suffix == GEODATABASE:
        folder = workdir / f"001{GEODATABASE}"
        folder.mkdir()
        for own, member in sorted(group.members.items()):
            package.take(member, folder / own)
        return Dataset(name, FILE_GEODATABASE, folder, {})
    parts = {suffix: package.take(member, workdir / f"001{suffix}") for suffix, member in sorted(group.members.items())}
    main = parts[group.suffix]
    # A shapefile's reader tells itself what is wrong with a .shp that is none.
    return Dataset(name, SHAPEFILE if group.suffix == ".shp" else kind(head(main)), main, parts)


def _groups(package: Package) -> dict[str, _Group]:
    """The data sets under the names they are chosen by; what belongs to none is told as ignored."""
    members = [member for member in package.members if not ignored(member)]
    rest, groups = _geodatabases(members)
    groups += _by_stem(rest)
    strong = [group for group in groups if group.suffix in LAYERS or group.suffix == GEODATABASE]
    if not strong and package.source is None and len(members) == 1:
        strong = groups or [_Group(members[0].path, members[0].suffix, {members[0].suffix: members[0]})]
    chosen = strong or [group for group in groups if group.suffix in PERHAPS]
    if not chosen:
        raise nothing_usable(package)
    used = {id(member) for group in chosen for member in group.members.values()}
    package.names.ignored += [
        printable(str(member.path)) for member in rest if id(member) not in used and member.suffix != ".xml"
    ]
    return _named(chosen)


def _geodatabases(members: Sequence[Member]) -> tuple[list[Member], list[_Group]]:
    """What is in no File Geodatabase, and the geodatabases: folders that hold their first table."""
    folders = {member.path.parent for member in members if member.path.name.lower() == _CATALOGUE}
    groups = []
    for folder in sorted(folders):
        inside = [member for member in members if member.path.parent == folder]
        kept = {member.path.name.lower(): member for member in inside if _of_geodatabase(member.path.name.lower())}
        groups.append(_Group(folder if folder.name else PurePosixPath("gdb"), GEODATABASE, kept))
    rest = [
        member for member in members if member.path.parent not in folders and ".gdb/" not in str(member.path).lower()
    ]
    return rest, groups


def _of_geodatabase(name: str) -> bool:
    """Whether a file is one of a geodatabase's tables or indexes; locks and the like are left behind."""
    stem, _, suffix = name.partition(".")
    table = len(stem) == len("a00000001") and stem[:1] == "a" and stem[1:].isalnum()
    plain = suffix.replace(".", "").replace("_", "").isalnum() and suffix.isascii() and suffix != "lock"
    return name in {"gdb", "timestamps"} or (table and plain)


def _by_stem(members: Sequence[Member]) -> list[_Group]:
    """Files that make a data set alone, and those that belong together by their stem."""
    groups: dict[tuple[str, str], Members] = {}
    for member in members:
        first = _BELONGS.get(member.suffix, member.suffix)
        if member.suffix in _BELONGS or member.suffix in SUFFIXES:
            parts = groups.setdefault((member.key, first), {})
            if member.suffix in parts:
                raise refusal("zip_duplicate_name", name=str(member.path))
            parts[member.suffix] = member
    return [_Group(parts[first].path, first, parts) for (_, first), parts in groups.items() if first in parts]


def _named(groups: Sequence[_Group]) -> dict[str, _Group]:
    """Groups by stem, by file name where stems repeat, by path where those do too."""
    named: dict[str, _Group] = {}
    stems = [group.path.stem for group in groups]
    names = [group.path.name for group in groups]
    for group, stem, name in zip(groups, stems, names, strict=True):
        one_format = len({other.suffix for other in groups if other.path.stem == stem}) == 1
        if stems.count(stem) == 1:
            named[stem] = group
        elif one_format:
            named[str(group.path.with_suffix(""))] = group
        else:
            named[name if names.count(name) == 1 else str(group.path)] = group
    return named


def _choose(layers: Sequence[str], layer: str | None, found: dict[str, _Group]) -> tuple[str, str | None]:
    """The data set that ``layer`` means, and the layer inside it; among several, ``SET`` or ``SET/LAYER``."""
    listed = ", ".join(layers)
    if layer is None:
        if len(layers) > 1:
            raise refusal("layer_not_chosen", count=len(layers), layers=listed)
        return layers[0], None
    wanted = _plain(layer)
    for name in layers:
        plain = _plain(name)
        if wanted in {plain, plain + found[name].suffix}:
            return name, None
        if wanted.startswith(f"{plain}/"):
            return name, layer[len(name) + 1 :]
    if len(layers) == 1:
        return layers[0], layer
    raise refusal("layer_unknown", layer=layer, layers=listed)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _case_problem(group: _Group) -> list[Problem]:
    if group.suffix == GEODATABASE:
        return []
    stems = {member.path.stem for member in group.members.values()}
    return (
        [Problem("stems_differ_in_case", "warn", values={"names": ", ".join(sorted(stems))})] if len(stems) > 1 else []
    )
