"""A zip or loose files in, its members out, under names of our own.

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
from app.uploads.sniff import ACCEPTED, ARCHIVE_SUFFIXES, HEAD_BYTES, SUFFIXES, kind

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
    {".sbn", ".sbx", ".qmd", ".qix", ".qml", ".qpj", ".fix", ".idm", ".sld", ".lyr", ".gfs", ".xsd"}
)
_SILENT_ENDINGS = (".shp.xml", ".dbf.xml", ".gdb.xml", ".tif.aux.xml")
WORKBOOK = "xl/workbook.xml"
"""The member by which a zip is known to be an .xlsx."""


@dataclass(frozen=True)
class Upload:
    """A file as received: where it lies, and the name that its sender gave it."""

    path: Path
    name: str


@dataclass
class Budget:
    """Bytes produced so far from an upload of ``source`` bytes."""

    source: int
    produced: int = 0

    def add(self, count: int, name: str) -> None:
        """Count bytes of the member ``name``; refuses what goes beyond."""
        self.produced += count
        if self.produced > MAX_BYTES:
            raise refusal("zip_too_large", name=name, limit=MAX_BYTES)
        if self.produced > RATIO_FREE_BYTES and self.produced > MAX_RATIO * self.source:
            raise refusal("zip_ratio", name=name, limit=MAX_RATIO)


@dataclass(frozen=True)
class Member:
    """One file of an archive (``info``) or one loose file (``path``)."""

    path: PurePosixPath
    info: zipfile.ZipInfo = field(default_factory=zipfile.ZipInfo)
    file: Path | None = None

    @property
    def suffix(self) -> str:
        """With its dot, in lower case."""
        return self.path.suffix.lower()

    @property
    def key(self) -> str:
        """Folder and stem without regard to case: what the parts of a data set have in common."""
        return unicodedata.normalize("NFC", str(self.path.with_suffix(""))).casefold()


@dataclass
class Names:
    """What was done to member names, told once per upload."""

    decoded: str = ""
    backslash: bool = False
    control: bool = False
    ignored: list[str] = field(default_factory=list)

    def problems(self) -> list[Problem]:
        """What is to be told."""
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


@dataclass
class Package:
    """The files of an upload: members of one zip (``source``), or loose ones. ``name`` is the sender's."""

    name: str
    members: list[Member]
    names: Names
    budget: Budget
    source: Path | None = None
    problems: list[Problem] = field(default_factory=list)

    def take(self, member: Member, target: Path) -> Path:
        """The content of a member at ``target``: parts of a data set must have one stem, and a suffix that is known."""
        if member.file is not None:
            target.symlink_to(member.file.resolve())
            return target
        if self.source is None:
            raise refusal("nothing_uploaded")
        try:
            with self.source.open("rb") as raw:
                return _inflate(raw, member, target, self.budget)
        except FileRefusedError:
            raise
        except _ZIP_ERRORS as error:
            raise refusal("zip_damaged", name=self.name) from error


def opened(uploads: Sequence[Upload], workdir: Path) -> Package:
    """What an upload consists of; refuses the unsafe. Nothing is inflated but a zip within the zip."""
    if not uploads:
        raise refusal("nothing_uploaded")
    if any(kind(head(upload.path)) == "zip" for upload in uploads):
        if len(uploads) > 1:
            raise refusal("zip_with_other_files")
        size = max(1, uploads[0].path.stat().st_size)
        return _unzip(uploads[0], workdir, Budget(size), depth=0)
    members = [
        Member(PurePosixPath(PurePosixPath(upload.name.replace("\\", "/")).name or "upload"), file=upload.path)
        for upload in uploads
    ]
    return Package(uploads[0].name, members, Names(), Budget(1))


def head(path: Path) -> bytes:
    """The bytes by which a file is known."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _unzip(upload: Upload, workdir: Path, budget: Budget, depth: int) -> Package:
    try:
        with zipfile.ZipFile(upload.path) as archive:
            names = Names()
            members = _members(archive, names)
    except FileRefusedError:
        raise
    except _ZIP_ERRORS as error:
        raise refusal("zip_damaged", name=upload.name) from error
    if WORKBOOK in {str(member.path) for member in members}:
        return Package(upload.name, [Member(PurePosixPath(upload.name), file=upload.path)], names, budget)
    package = Package(upload.name, members, names, budget, upload.path)
    inner = [member for member in members if member.suffix in {".zip", ".kmz"} and not ignored(member)]
    if inner and not any(member.suffix in SUFFIXES or ".gdb/" in str(member.path).lower() for member in members):
        return _nested(package, inner, workdir, depth=depth)
    return package


def _nested(package: Package, inner: list[Member], workdir: Path, *, depth: int) -> Package:
    """Open the only zip inside a zip, one level and under the same budget; more is refused."""
    if depth > 0 or len(inner) > 1:
        raise refusal("zip_nested", name=str(inner[0].path))
    path = package.take(inner[0], workdir / "inner.zip")
    unpacked = _unzip(Upload(path, str(inner[0].path)), workdir, package.budget, depth=1)
    opened_too = Problem("zip_inner_opened", "warn", values={"name": str(inner[0].path)})
    unpacked.problems.insert(0, opened_too)
    return unpacked


def _members(archive: zipfile.ZipFile, names: Names) -> list[Member]:
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
            members.append(Member(path, info=info))
    return members


def _refuse_overlaps(infos: Iterable[zipfile.ZipInfo], directory: int) -> None:
    """Each entry must end before the next begins; the stdlib looks at this only since 3.11.8."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in ordered[1:]), directory]
    for info, end in zip(ordered, ends, strict=False):
        if info.header_offset < 0 or info.header_offset + _LOCAL_HEADER.size + info.compress_size > end:
            raise refusal("zip_overlap", name=info.filename)


def _name(info: zipfile.ZipInfo, names: Names) -> str:
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


def _safe_path(text: str, info: zipfile.ZipInfo, names: Names) -> PurePosixPath:
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
        raise refusal("zip_unsafe_name", name=printable(text))
    if not text.isprintable():
        names.control = True
    return path


def printable(text: str) -> str:
    """A name without control characters, cut to what a message can hold."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[:200]


def ignored(member: Member) -> bool:
    """Whether a member is a by-product of some program, of which nobody needs to be told."""
    lowered = [part.lower() for part in member.path.parts]
    return (
        "__macosx" in lowered
        or lowered[-1] in _IGNORED_NAMES
        or lowered[-1].startswith("._")
        or lowered[-1].endswith(_SILENT_ENDINGS)
        or member.suffix in _SILENT_SUFFIXES
    )


def nothing_usable(package: Package) -> FileRefusedError:
    """The refusal for an upload without any file that is read: what it holds instead."""
    nested = [member for member in package.members if member.suffix in ARCHIVE_SUFFIXES and package.source]
    if nested:
        return refusal("zip_nested", name=printable(str(nested[0].path)))
    if not package.members:
        return refusal("zip_empty", name=package.name)
    held = sorted({member.suffix for member in package.members if member.suffix})
    return unsupported(package.name, " ".join(held[:10]) or "zip")


def unsupported(name: str, found: str) -> FileRefusedError:
    """The refusal for a file in a format that is not read."""
    return refusal("format_not_supported_yet", name=printable(name), found=found, accepted=ACCEPTED)


def _inflate(raw: BinaryIO, member: Member, target: Path, budget: Budget) -> Path:
    """Write one member to ``target``; its bytes, its stated size and its CRC must agree."""
    info = member.info
    raw.seek(info.header_offset)
    header = raw.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise refusal("zip_damaged", name=printable(str(member.path)))
    fields = _LOCAL_HEADER.unpack(header)
    raw.seek(info.header_offset + _LOCAL_HEADER.size + fields[-2] + fields[-1])
    crc = produced = 0
    with target.open("xb") as file:
        for block in _blocks(raw, info):
            produced += len(block)
            budget.add(len(block), printable(str(member.path)))
            if produced > info.file_size:
                raise refusal("zip_size_lies", name=printable(str(member.path)), size=info.file_size)
            crc = zlib.crc32(block, crc)
            file.write(block)
    if produced != info.file_size or crc != info.CRC:
        raise refusal("zip_bad_crc", name=printable(str(member.path)))
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
        raise refusal("zip_method", name=printable(info.filename), method=info.compress_type)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while left > 0 and not inflater.eof and (piece := raw.read(min(_CHUNK, left))):
            left -= len(piece)
            while piece and not inflater.eof:
                yield inflater.decompress(piece, _CHUNK)
                piece = inflater.unconsumed_tail
        yield inflater.flush(_CHUNK)
    except zlib.error as error:
        raise refusal("zip_bad_crc", name=printable(info.filename)) from error
