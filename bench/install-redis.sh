#!/bin/sh
# The redis-server of Debian and Ubuntu, for the side-by-side benchmarks; no service of it is left running.
set -eu
command -v redis-server >/dev/null && exit 0
sudo="$(test "$(id -u)" = 0 || echo sudo)"
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends redis-server
if command -v systemctl >/dev/null; then $sudo systemctl disable --now redis-server >/dev/null 2>&1 || true; fi
