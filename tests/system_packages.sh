#!/bin/sh
# What tests need beside Python packages. On Debian as root it is installed; elsewhere the tests say what they skip.
packages=""
command -v chromium-headless-shell >/dev/null 2>&1 || packages="$packages chromium-headless-shell fonts-liberation fonts-noto-core"
{ command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; } || packages="$packages postgresql"
[ -z "$packages" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing for the tests:$packages …"
  # Servers are started by the tests alone, so the packages make no cluster and start nothing.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  fi
  # shellcheck disable=SC2086 # a list of words
  if apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $packages >/dev/null; then
    exit 0
  fi
fi
echo "Not installed:$packages. The tests that need them will be skipped."
