#!/bin/sh
# install.sh [PREFIX [DESTDIR]]: installs what this archive holds below PREFIX, /usr/local otherwise. `packaging/install uninstall PREFIX`
# takes it away again.
set -eu
cd "$(dirname "$0")"
sha256sum --quiet --check SHA256SUMS
BUILT=$PWD/lib/libsecure_outbound.so
export BUILT
exec packaging/install install "${1:-/usr/local}" "${2:-}"
