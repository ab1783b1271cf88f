"""A zip or loose parts in, the parts of one shapefile out, under names of our own.

Names from the archive are never used as paths. Entries are inflated here and not by ``zipfile``, which believes
the sizes that the directory states; bytes are counted as they are produced. Defences and their reasons:
OWASP file upload cheat sheet, CVE-2024-0450 (overlapping entries), APPNOTE.TXT 6.3.10 for the layout.
"""

import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from app.uploads.problems import FileRefusedError, Problem, refusal
from app.uploads.sniff import ACCEPTED, ARCHIVE_SUFFIXES, HEAD_BYTES, SHAPEFILE_PARTS, kind

MAX_MEMBERS = 2000
MAX_BYTES = 2 * 1024**3
"""Bytes that one upload may become."""
MAX_RATIO = 200
"""Real .dbf files deflate 20 to 50 : 1; a bomb 1029 : 1."""
RATIO_FREE_BYTES = 10 * 1024**2
"""Below this the ratio is not looked at."""
_CHUNK = 1 << 18
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8_NAME = 0x800
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    struct.error,
    OSError,
    RuntimeError,
    EOFError,
    IndexError,
)
_IGNORED_NAMES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_SILENT_SUFFIXES = frozenset(
    {".sbn", ".sbx", ".xml", ".qmd", ".qix", ".qml", ".qpj", ".fix", ".idm", ".ind", ".sld", ".lyr"}
)


@dataclass(frozen=True)
class Upload:
    """A file as received: where it lies, and the name that its sender gave it."""

    path: Path
    name: str


@dataclass(frozen=True)
class Parts:
    """The files of one shapefile, by lower-case suffix; ``names`` are the sender's."""

    name: str
    files: dict[str, Path]
    names: dict[str, str]


@dataclass(frozen=True)
class Unpacked:
    """The chosen shapefile, the names of all that there were, and what was found on the way."""

    parts: Parts
    layers: list[str]
    problems: list[Problem]


@dataclass
class _Budget:
    """Bytes produced so far from an upload of ``source`` bytes."""

    source: int
    produced: int = 0

    def add(self, count: int, name: str) -> None:
        self.produced += count
        if self.produced > MAX_BYTES:
            raise refusal("zip_too_large", name=name, limit=MAX_BYTES)
        if self.produced > RATIO_FREE_BYTES and self.produced > MAX_RATIO * self.source:
            raise refusal("zip_ratio", name=name, limit=MAX_RATIO)


@dataclass(frozen=True)
class _Member:
    """One file of an archive (``info``) or one loose file (``path``)."""

    path: PurePosixPath
    info: zipfile.ZipInfo = field(default_factory=zipfile.ZipInfo)
    file: Path | None = None

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    @property
    def key(self) -> str:
        """Folder and stem without regard to case: what a shapefile's parts have in common."""
        return unicodedata.normalize("NFC", str(self.path.with_suffix(""))).casefold()


@dataclass
class _Names:
    """What was done to member names, told once per upload."""

    decoded: str = ""
    backslash: bool = False
    control: bool = False
    ignored: list[str] = field(default_factory=list)

    def problems(self) -> list[Problem]:
        found = []
        if self.decoded:
            found.append(Problem("zip_names_decoded", "warn", values={"encoding": self.decoded}))
        if self.backslash:
            found.append(Problem("zip_backslashes", "warn"))
        if self.control:
            found.append(Problem("zip_odd_names", "warn"))
        if self.ignored:
            found.append(
                Problem(
                    "files_ignored", "note", values={"names": ", ".join(self.ignored[:20]), "count": len(self.ignored)}
                )
            )
        return found


def unpack(uploads: Sequence[Upload], workdir: Path, layer: str | None = None) -> Unpacked:
    """Put the parts of the shapefile that ``layer`` means into ``workdir``; refuse the unsafe and the unclear."""
    if not uploads:
        raise refusal("nothing_uploaded")
    heads = [_head(upload.path) for upload in uploads]
    if any(kind(head) == "zip" for head in heads):
        if len(uploads) > 1:
            raise refusal("zip_with_other_files")
        size = max(1, uploads[0].path.stat().st_size)
        return _unzip(uploads[0], workdir, layer, _Budget(size), depth=0)
    return _loose(uploads, heads, layer)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _loose(uploads: Sequence[Upload], heads: Sequence[bytes], layer: str | None) -> Unpacked:
    members = [
        _Member(PurePosixPath(PurePosixPath(upload.name.replace("\\", "/")).name), file=upload.path)
        for upload in uploads
    ]
    if not any(member.suffix == ".shp" for member in members):
        raise refusal("format_not_supported_yet", name=uploads[0].name, found=kind(heads[0]), accepted=ACCEPTED)
    names = _Names()
    chosen, layers = _choose(_shapefiles(members, names), layer)
    files = {suffix: member.file for suffix, member in chosen[1].items() if member.file is not None}
    parts = Parts(chosen[0], files, {suffix: str(member.path) for suffix, member in chosen[1].items()})
    return Unpacked(parts, layers, [*names.problems(), *_case_problem(chosen[1])])


def _unzip(upload: Upload, workdir: Path, layer: str | None, budget: _Budget, depth: int) -> Unpacked:
    try:
        with zipfile.ZipFile(upload.path) as archive:
            names = _Names()
            members = _members(archive, names)
            inner = [member for member in members if member.suffix == ".zip"]
            if inner and not any(member.suffix == ".shp" for member in members):
                return _nested(upload, inner, workdir, layer, budget=budget, depth=depth)
            chosen, layers = _choose(_shapefiles(members, names, upload.name), layer)
            with upload.path.open("rb") as raw:
                files = {
                    suffix: _inflate(raw, member, workdir / f"{number:03d}{suffix}", budget)
                    for number, (suffix, member) in enumerate(sorted(chosen[1].items()), start=1)
                }
            parts = Parts(chosen[0], files, {suffix: str(member.path) for suffix, member in chosen[1].items()})
            return Unpacked(parts, layers, [*names.problems(), *_case_problem(chosen[1])])
    except FileRefusedError:
        raise
    except _ZIP_ERRORS as error:
        raise refusal("zip_damaged", name=upload.name) from error


def _nested(
    upload: Upload, inner: list[_Member], workdir: Path, layer: str | None, *, budget: _Budget, depth: int
) -> Unpacked:
    """Open the only zip inside a zip, one level and under the same budget; more is refused."""
    if depth > 0 or len(inner) > 1:
        raise refusal("zip_nested", name=str(inner[0].path))
    with upload.path.open("rb") as raw:
        path = _inflate(raw, inner[0], workdir / "inner.zip", budget)
    unpacked = _unzip(Upload(path, str(inner[0].path)), workdir, layer, budget, depth=1)
    opened = Problem("zip_inner_opened", "warn", values={"name": str(inner[0].path)})
    return Unpacked(unpacked.parts, unpacked.layers, [opened, *unpacked.problems])


def _members(archive: zipfile.ZipFile, names: _Names) -> list[_Member]:
    """Every file of the archive, after the checks that need no inflating."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise refusal("zip_too_many", count=len(infos), limit=MAX_MEMBERS)
    _refuse_overlaps(infos, archive.start_dir)
    seen: set[str] = set()
    members = []
    for info in infos:
        text = _name(info, names)
        path = _safe_path(text, info, names)
        key = unicodedata.normalize("NFC", str(path)).casefold()
        if key in seen:
            raise refusal("zip_duplicate_name", name=str(path))
        seen.add(key)
        if not text.endswith("/"):
            members.append(_Member(path, info=info))
    return members


def _refuse_overlaps(infos: Iterable[zipfile.ZipInfo], directory: int) -> None:
    """Each entry must end before the next begins; the stdlib looks at this only since 3.11.8."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in ordered[1:]), directory]
    for info, end in zip(ordered, ends, strict=False):
        if info.header_offset < 0 or info.header_offset + _LOCAL_HEADER.size + info.compress_size > end:
            raise refusal("zip_overlap", name=info.filename)


def _name(info: zipfile.ZipInfo, names: _Names) -> str:
    """The member's name: UTF-8 by flag or by its bytes, else GB18030, else cp437."""
    if info.flag_bits & _UTF8_NAME:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")
    if raw.isascii():
        return raw.decode("ascii")
    for encoding in ("utf-8", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        names.decoded = encoding.upper()
        return text
    names.decoded = "CP437"
    return info.orig_filename


def _safe_path(text: str, info: zipfile.ZipInfo, names: _Names) -> PurePosixPath:
    mode = info.external_attr >> 16 if info.create_system == 3 else 0  # noqa: PLR2004 - 3 is Unix in APPNOTE 4.4.2.2
    if info.flag_bits & _ENCRYPTED:
        raise refusal("zip_encrypted", name=text)
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise refusal("zip_link", name=text)
    if "\\" in text:
        names.backslash = True
        text = text.replace("\\", "/")
    path = PurePosixPath(text)
    if not text or "\x00" in text or text.startswith("/") or ":" in text or ".." in path.parts or not path.parts:
        raise refusal("zip_unsafe_name", name=_printable(text))
    if not text.isprintable():
        names.control = True
    return path


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[:200]


def _ignored(member: _Member) -> bool:
    lowered = [part.lower() for part in member.path.parts]
    return (
        "__macosx" in lowered
        or lowered[-1] in _IGNORED_NAMES
        or lowered[-1].startswith("._")
        or member.suffix in _SILENT_SUFFIXES
    )


def _shapefiles(members: list[_Member], names: _Names, container: str = "") -> dict[str, dict[str, _Member]]:
    """The parts of each shapefile by suffix, under the name it is chosen by."""
    groups: dict[str, dict[str, _Member]] = {}
    for member in members:
        if _ignored(member):
            continue
        if member.suffix not in SHAPEFILE_PARTS:
            names.ignored.append(_printable(str(member.path)))
            continue
        parts = groups.setdefault(member.key, {})
        if member.suffix in parts:
            raise refusal("zip_duplicate_name", name=str(member.path))
        parts[member.suffix] = member
    found = {key: parts for key, parts in groups.items() if ".shp" in parts}
    names.ignored += [
        _printable(str(part.path)) for key, parts in groups.items() if key not in found for part in parts.values()
    ]
    if not found:
        raise _nothing(members, container)
    stems = [parts[".shp"].path.stem for parts in found.values()]
    return {
        (stem if stems.count(stem) == 1 else str(parts[".shp"].path.with_suffix(""))): parts
        for stem, parts in zip(stems, found.values(), strict=True)
    }


def _nothing(members: list[_Member], container: str) -> FileRefusedError:
    """The refusal for an archive without a .shp: what it holds instead."""
    nested = [member for member in members if member.suffix in ARCHIVE_SUFFIXES]
    if nested:
        return refusal("zip_nested", name=_printable(str(nested[0].path)))
    held = sorted(
        {member.suffix for member in members if member.suffix}
        | {".gdb" for member in members if ".gdb/" in str(member.path)}
    )
    if not members:
        return refusal("zip_empty", name=container)
    return refusal("format_not_supported_yet", name=container, found=" ".join(held[:10]) or "zip", accepted=ACCEPTED)


def _choose(
    found: dict[str, dict[str, _Member]], layer: str | None
) -> tuple[tuple[str, dict[str, _Member]], list[str]]:
    layers = sorted(found)
    listed = ", ".join(layers)
    if layer is None:
        if len(found) > 1:
            raise refusal("layer_not_chosen", count=len(layers), layers=listed)
        return next(iter(found.items())), layers
    wanted = unicodedata.normalize("NFC", layer).casefold().removesuffix(".shp")
    matches = [name for name in layers if unicodedata.normalize("NFC", name).casefold() == wanted]
    if len(matches) != 1:
        raise refusal("layer_unknown", layer=layer, layers=listed)
    return (matches[0], found[matches[0]]), layers


def _case_problem(parts: dict[str, _Member]) -> list[Problem]:
    stems = {member.path.stem for member in parts.values()}
    return (
        [Problem("stems_differ_in_case", "warn", values={"names": ", ".join(sorted(stems))})] if len(stems) > 1 else []
    )


def _inflate(raw: BinaryIO, member: _Member, target: Path, budget: _Budget) -> Path:
    """Write one member to ``target``; its bytes, its stated size and its CRC must agree."""
    info = member.info
    raw.seek(info.header_offset)
    header = raw.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise refusal("zip_damaged", name=_printable(str(member.path)))
    fields = _LOCAL_HEADER.unpack(header)
    raw.seek(info.header_offset + _LOCAL_HEADER.size + fields[-2] + fields[-1])
    crc = produced = 0
    with target.open("xb") as file:
        for block in _blocks(raw, info):
            produced += len(block)
            budget.add(len(block), _printable(str(member.path)))
            if produced > info.file_size:
                raise refusal("zip_size_lies", name=_printable(str(member.path)), size=info.file_size)
            crc = zlib.crc32(block, crc)
            file.write(block)
    if produced != info.file_size or crc != info.CRC:
        raise refusal("zip_bad_crc", name=_printable(str(member.path)))
    return target


def _blocks(raw: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of an entry, in bounded pieces."""
    left = info.compress_size
    if info.compress_type == zipfile.ZIP_STORED:
        while left > 0 and (piece := raw.read(min(_CHUNK, left))):
            left -= len(piece)
            yield piece
        return
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise refusal("zip_method", name=_printable(info.filename), method=info.compress_type)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while left > 0 and not inflater.eof and (piece := raw.read(min(_CHUNK, left))):
            left -= len(piece)
            while piece and not inflater.eof:
                yield inflater.decompress(piece, _CHUNK)
                piece = inflater.unconsumed_tail
        yield inflater.flush(_CHUNK)
    except zlib.error as error:
        raise refusal("zip_bad_crc", name=_printable(info.filename)) from error
