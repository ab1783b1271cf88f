#!/usr/bin/env bash
# Run once by the database's image, as its superuser: the same roles and the same database as in the private cluster.
set -euo pipefail
scripts=${SCRIPTS:-/landbank}
psql -q -v ON_ERROR_STOP=1 --username postgres --dbname postgres \
    -v owner="$OWNER_PASSWORD" -v app="$APP_PASSWORD" -v roles="$scripts/bootstrap_roles.sql" <<'SQL'
SELECT set_config('landbank.owner_password', :'owner', false), set_config('landbank.app_password', :'app', false)
\g /dev/null
\i :roles
CREATE DATABASE landbank OWNER landbank_owner TEMPLATE template0;
SQL
psql -q -v ON_ERROR_STOP=1 --username postgres --dbname landbank -f "$scripts/bootstrap_database.sql"
