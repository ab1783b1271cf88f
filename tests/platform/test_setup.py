"""``bin/setup.sh`` on machines where something is missing; what would change the machine is only written down."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NO_POSTGIS = "has_postgis() { return 1; }"


def setup(*given: str, call: str = "system_packages") -> subprocess.CompletedProcess[str]:
    """Run a function of the script after ``given`` has replaced some of the others."""
    script = "\n".join(["set -euo pipefail", ". bin/setup.sh", *given, call])
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_everything_there_nothing_is_done() -> None:
    done = setup("as_root() { echo as_root; exit 9; }")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_apt_one_sentence_says_what_to_install() -> None:
    done = setup(NO_POSTGIS, 'command() { [ "$2" != apt-get ] && builtin command "$@"; }')
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert "postgresql" in sentence
    assert "postgis" in sentence
    assert "docker compose" in sentence


def test_without_rights_one_sentence_says_so() -> None:
    done = setup(NO_POSTGIS, "id() { echo 1000; }", "sudo() { return 1; }", "command() { return 0; }")
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert "as root" in sentence
    assert "docker compose" in sentence


def test_no_second_cluster_is_made_by_apt(tmp_path: Path) -> None:
    """Before the packages come, Debian is told not to make a cluster on port 5432."""
    log = tmp_path / "log"
    done = setup(
        'has_postgis() { grep -q "apt-get install" "$LOG" 2>/dev/null; }',
        f"LOG={log}",
        'as_root() { echo "$*" >>"$LOG"; [ "$1" != tee ] || cat >>"$LOG"; }',
        "command() { echo python3; }",
        "dpkg() { return 1; }",
        "apt-cache() { [ $1 = policy ] || echo '  Depends: postgresql-17'; }",
        "id() { echo 0; }",
        '[() { if builtin [ "$2" = -e ] && builtin [ "$3" = /etc/postgresql-common/createcluster.conf ]; then true; '
        'else builtin [ "$@"; fi; }',
    )
    assert done.returncode == 0, done.stderr
    lines = log.read_text("utf-8").splitlines()
    assert lines[0] == "apt-get update -q"
    assert lines[1:4] == [
        "mkdir -p /etc/postgresql-common",
        "tee /etc/postgresql-common/createcluster.conf",
        "create_main_cluster = false",
    ]
    assert lines[4].startswith("env DEBIAN_FRONTEND=noninteractive")
    assert lines[4].endswith("postgresql postgresql-17-postgis-3")


def test_a_server_of_ones_own_needs_no_packages() -> None:
    done = setup(NO_POSTGIS, "DATABASE_URL=postgresql://db/landbank", "as_root() { echo as_root; exit 9; }")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_locked_lists_hold_hashes_and_no_addresses() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text("utf-8")
        for requirement in text.replace("\\\n", " ").splitlines():
            if requirement and not requirement.startswith("#"):
                assert "==" in requirement
                assert "--hash=sha256:" in requirement
        for address in ("http:", "https:", "file:", "--index", "--find-links", " @ "):
            assert address not in text
