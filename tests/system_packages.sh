#!/bin/sh
# What tests need beside Python packages. On Debian as root it is installed; elsewhere the tests say what they skip.
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Chromium for the browser tests …"
  if apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation fonts-noto-core >/dev/null; then
    exit 0
  fi
fi
echo "Chromium is not installed: the browser tests will be skipped."
