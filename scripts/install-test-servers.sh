#!/bin/sh
# What the tests named "needs …" are skipped without: PgBouncer, and a PostgreSQL with pg_dump. For Debian and Ubuntu; no
# service of them is left running.
set -eu
wanted=""
command -v pgbouncer >/dev/null || wanted="$wanted pgbouncer"
test -x /usr/lib/postgresql/15/bin/initdb || wanted="$wanted postgresql-15"
test -n "$wanted" || exit 0
sudo="$(test "$(id -u)" = 0 || echo sudo)"
$sudo apt-get update -qq
# no cluster of its own
$sudo mkdir -p /etc/postgresql-common
test -e /etc/postgresql-common/createcluster.conf || echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted
if command -v systemctl >/dev/null; then
  for service in pgbouncer postgresql; do $sudo systemctl disable --now "$service" >/dev/null 2>&1 || true; done
fi
