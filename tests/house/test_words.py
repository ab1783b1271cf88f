"""What nobody should find in the project: a place where it was made, a host it was installed from, work left open."""

import re
from collections.abc import Iterator

from tests.house.tree import ROOT, files, offences, read

# Binary samples, and this file, which must name what it looks for.
BINARY = (".zip", ".shp", ".shx", ".dbf", ".png", ".ico", ".woff2")
TEXT = [name for name in files("") if not name.endswith(BINARY) and name != "tests/house/test_words.py"]
# Without their endings, so that this file names no host either.
HOSTS = (
    "pypi",
    "pythonhosted",
    r"registry\.npmjs",
    "yarnpkg",
    r"deb\.debian",
    r"archive\.ubuntu",
    "ghcr",
    "docker",
    "quay",
    r"conda\.anaconda",
    "crates",
)
WORDS = {
    "a host of packages": re.compile(
        rf"(?:{'|'.join(HOSTS)})\.(?:org|com|io)\b|(?<!emit-)index-url|mirrors?\.[a-z]+\.[a-z]+", re.IGNORECASE
    ),
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|root|home|Users)/[\w.-]+"),
    "work left open": re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"),
}


def found(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in WORDS.items():
            if pattern.search(line):
                yield f"line {number}: {what}"


def test_no_such_word_is_kept() -> None:
    assert not offences(TEXT, lambda name: found(read(name)))


def test_everything_else_is_text() -> None:
    assert not [name for name in TEXT if b"\0" in (ROOT / name).read_bytes()]


def test_the_check_can_fail() -> None:
    hosts = [
        f"see https://{name.replace(chr(92), '')}.{end}/x"
        for name, end in (("pypi", "org"), (HOSTS[2], "org"), ("quay", "io"))
    ]
    folders = [f"open /{name}/x" for name in ("work", "root", "home")]
    bad = [*hosts, *folders, "# TODO later", "--index-url x"]
    assert len(list(found("\n".join(bad)))) == len(bad)
    assert not list(found("the work/rest, todo lists, a/home/b, /var/lib/landbank, checkout under /root."))
