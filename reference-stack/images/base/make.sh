#!/usr/bin/env bash
# Make a base image from Debian's archive, for machines that reach no container registry.
#
#   reference-stack/images/base/make.sh [SUITE]      SUITE: bookworm (default, Python 3.11) or trixie (Python 3.13)
#
# Result: the image ldt-base:SUITE, which the Dockerfiles here take by --build-arg BASE=ldt-base:SUITE.
# Needs: root (debootstrap makes device nodes), debootstrap, docker, Debian's archive. About a minute.
set -euo pipefail

suite="${1:-bookworm}"
mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
image="ldt-base:${suite}"

if docker image inspect "$image" >/dev/null 2>&1; then
  echo "$image is there already; to make it anew: docker rmi $image"
  exit 0
fi
for tool in debootstrap docker tar; do
  command -v "$tool" >/dev/null || { echo "make.sh: $tool is missing. Try: apt-get install debootstrap docker.io tar" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "make.sh: debootstrap needs root. Try: sudo $0 $suite" >&2; exit 1; }

root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
  { echo "make.sh: debootstrap failed; the end of its log:" >&2; tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
tar -C "$root" --numeric-owner -c . | docker import --change 'ENV LANG=C.UTF-8' - "$image" >/dev/null
echo "made $image"
