# Shared by ./start and ./test: what the machine must have. Each step does nothing when its work is done.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# A python from 3.11 that can make virtual environments; the newest first.
find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null </dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# PostgreSQL 15 or newer with PostGIS, from the system's packages.
has_postgis() {
    local control version
    for control in /usr/share/postgresql/*/extension/postgis.control /usr/pgsql-*/share/extension/postgis.control; do
        [ -e "$control" ] || continue
        version=$(printf '%s' "$control" | grep -oE '(postgresql/|pgsql-)[0-9]+' | grep -oE '[0-9]+')
        [ "$version" -ge 15 ] || continue
        [ -x "/usr/lib/postgresql/$version/bin/postgres" ] || [ -x "/usr/pgsql-$version/bin/postgres" ] && return 0
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
        apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold "$@" </dev/null >&2
}

# The package that holds PostGIS for the PostgreSQL that this system's `postgresql` is.
postgis_package() {
    apt-cache depends postgresql 2>/dev/null | grep -oE 'postgresql-[0-9]+$' | head -n 1 | sed 's/$/-postgis-3/'
}

# Installs what is missing, or says in one sentence what to install. No font is installed: nothing draws pictures yet.
system_packages() {
    local wanted="" postgis
    find_python >/dev/null || wanted="python3 python3-venv"
    [ -n "${DATABASE_URL:-}" ] || has_postgis || wanted="$wanted postgresql postgis"
    [ -n "$wanted" ] || return 0
    command -v apt-get >/dev/null ||
        fail "Missing:$(printf ' %s' $wanted) (Python 3.11 or newer, PostgreSQL 15 or newer): install them with this system's packages, or use docker compose up."
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null ||
        fail "Missing:$(printf ' %s' $wanted): run ./start once as root or with sudo, or use docker compose up."
    say "Installing: $wanted"
    # Package lists are fetched only where there are none (a fresh container) or where they turn out to be old.
    [ -n "$(apt-cache policy python3-venv 2>/dev/null | grep -E 'Candidate: [0-9]')" ] || as_root apt-get update -q >&2
    case "$wanted" in
    *postgis*)
        # Without this Debian starts a second cluster on port 5432, which nobody asked for.
        if ! dpkg -s postgresql-common >/dev/null 2>&1 && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            as_root mkdir -p /etc/postgresql-common
            echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
        fi
        postgis=$(postgis_package)
        wanted=${wanted/postgis/$postgis}
        ;;
    esac
    # shellcheck disable=SC2086  # a list of package names
    apt_install $wanted || { as_root apt-get update -q >&2 && apt_install $wanted; } ||
        fail "apt could not install: $wanted. Install them by hand, or use docker compose up."
    find_python >/dev/null || fail "Python 3.11 or newer is missing: install it, or use docker compose up."
    [ -n "${DATABASE_URL:-}" ] || has_postgis ||
        fail "This system's PostgreSQL is older than 15: install 15 or newer with PostGIS, or use docker compose up."
}

# .venv from the locked, hashed list $1; skipped while the list, the project's metadata and the place are the same.
python_packages() {
    local lock=$1 wanted
    wanted=$(cat requirements*.lock pyproject.toml <(pwd -P) | sha256sum)
    if [ "$(cat ".venv/$lock" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then return 0; fi
    say "Installing the Python packages of $lock into .venv"
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null 2>&1 ||
        "$(find_python)" -m venv --clear .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input --require-hashes -r "$lock" >&2
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input --no-deps --no-build-isolation -e . >&2
    # What tests need holds all that running needs, in the same versions.
    for lock in "$lock" requirements.lock; do printf '%s\n' "$wanted" >".venv/$lock"; done
}
