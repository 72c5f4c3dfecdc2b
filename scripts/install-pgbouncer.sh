#!/bin/sh
# The tests named "needs pgbouncer" are skipped without it. For Debian and Ubuntu; its service is not started.
set -eu
command -v pgbouncer >/dev/null && exit 0
sudo="$(test "$(id -u)" = 0 || echo sudo)"
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends pgbouncer
if command -v systemctl >/dev/null; then
  $sudo systemctl disable --now pgbouncer >/dev/null 2>&1 || true
fi
