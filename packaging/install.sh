#!/bin/sh
# install.sh [PREFIX [DESTDIR]]: installs the files of this archive below PREFIX, by default /usr/local.
# `packaging/install uninstall PREFIX` removes them.
set -eu
cd "$(dirname "$0")"
sha256sum --quiet --check SHA256SUMS
BUILT=$PWD/lib/libsecure_outbound.so
export BUILT
exec packaging/install install "${1:-/usr/local}" "${2:-}"
