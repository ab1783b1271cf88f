"""HTTPS is set up whole or not at all, and told before anything is served."""

import subprocess
from pathlib import Path

import pytest

from app.errors import Conflict
from app.settings import load_settings
from app.startup import check_tls


def code(**files: Path | None) -> str | None:
    try:
        check_tls(load_settings(**files))
    except Conflict as error:
        return error.code
    return None


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for an hour and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-days", "1", "-nodes"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    return certificate, key


def test_a_pair_or_nothing_is_fine(pair: tuple[Path, Path]) -> None:
    assert code() is None
    assert code(tls_cert=pair[0], tls_key=pair[1]) is None


def test_half_a_pair_is_told(pair: tuple[Path, Path]) -> None:
    assert code(tls_cert=pair[0]) == "tls_half_set"
    assert code(tls_key=pair[1]) == "tls_half_set"


def test_files_that_are_missing_or_no_pair_are_told(pair: tuple[Path, Path], tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not a certificate")
    for files in ((tmp_path / "nope", pair[1]), (pair[0], tmp_path / "nope"), (garbage, pair[1]), (pair[0], garbage)):
        assert code(tls_cert=files[0], tls_key=files[1]) == "tls_unusable"
