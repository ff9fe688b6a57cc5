#!/bin/sh
# A user for dashboards, who may read history and nothing else. The Postgres image runs it once, when
# the volume is made; for a database that exists, run it with the same variables.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --set password="$READER_PASSWORD" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE grafana LOGIN PASSWORD :'password';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO grafana;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO grafana;
SQL
