#!/bin/sh
# What some tests are skipped without: PgBouncer, a PostgreSQL with pg_dump, and the SQL of PgQ. For Debian and Ubuntu; no
# service of them is left running.
set -eu
cd "$(dirname "$0")/.."
pgq=.build/pgq_pl_only.sql
wanted=""
command -v pgbouncer >/dev/null || wanted="$wanted pgbouncer"
test -x /usr/lib/postgresql/15/bin/initdb || wanted="$wanted postgresql-15"
test -n "$wanted" || test ! -e "$pgq" || exit 0
sudo="$(test "$(id -u)" = 0 || echo sudo)"
$sudo apt-get update -qq

if test -n "$wanted"; then
  # no cluster of its own
  $sudo mkdir -p /etc/postgresql-common
  test -e /etc/postgresql-common/createcluster.conf || echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted
  if command -v systemctl >/dev/null; then
    for service in pgbouncer postgresql; do $sudo systemctl disable --now "$service" >/dev/null 2>&1 || true; done
  fi
fi

# Not installed: the package depends on a daemon, and one file is all of it that is needed.
if ! test -e "$pgq"; then
  package=.build/postgresql-15-pgq3
  rm -rf "$package"
  mkdir -p "$package"
  (cd "$package" && apt-get download -qq postgresql-15-pgq3 && dpkg -x ./*.deb .)
  mv "$package/usr/share/postgresql/15/contrib/pgq_pl_only.sql" "$pgq"
  rm -rf "$package"
fi
