#!/usr/bin/env bash
# Make a base image from Debian's archive, for machines that reach no container registry.
#
#   reference-stack/images/base/make.sh [SUITE]      SUITE: bookworm (default, Python 3.11) or trixie (Python 3.13)
#
# Result: the image ldt-base:SUITE with the security updates of the day, for build.sh. About a minute and a half.
# Needs: root (debootstrap makes device nodes), docker, wget, Debian's archive (other mirrors: DEBIAN_MIRROR,
# DEBIAN_SECURITY_MIRROR); where debootstrap is not installed it is fetched for the occasion.
set -euo pipefail

suite="${1:-bookworm}"
mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
security="${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}"
image="ldt-base:${suite}"
here="$(cd "$(dirname "$0")" && pwd)"

fail() { echo "make.sh: $*" >&2; exit 1; }

command -v docker >/dev/null || fail "docker is missing. Try: apt-get install docker.io"
docker info >/dev/null 2>&1 || fail "no Docker Engine answers. Is it started, and may you use it (docker info)?"
# One at a time: whoever comes second finds the image.
if command -v flock >/dev/null; then
  exec 9>"${TMPDIR:-/tmp}/ldt-base-image.$(id -u).lock"
  flock 9
fi
if docker image inspect "$image" >/dev/null 2>&1; then
  echo "$image is there already; to make it anew: docker rmi $image"
  exit 0
fi
for tool in wget tar chroot mountpoint; do
  command -v "$tool" >/dev/null || fail "$tool is missing. Try: apt-get install wget tar coreutils util-linux"
done
[ "$(id -u)" = 0 ] || fail "debootstrap needs root. Try: sudo $0 $suite"

work="$(mktemp -d)"
root="$work/root"
tidy() {
  # An interrupted debootstrap leaves /proc and /sys mounted inside: never delete through them.
  for mount in "$root/proc" "$root/sys"; do
    if mountpoint -q "$mount"; then umount -l "$mount"; fi
  done
  rm -rf --one-file-system "$work"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

debootstrap=(debootstrap)
if ! command -v debootstrap >/dev/null; then
  "$here/../debian-packages.sh" "$suite" "$work/tools" debootstrap || fail "debootstrap is missing and could not be fetched"
  export DEBOOTSTRAP_DIR="$work/tools/usr/share/debootstrap"
  debootstrap=("$work/tools/usr/sbin/debootstrap")
fi
mkdir "$root"
chmod 755 "$root"
logged() { "$@" >>"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "failed (the end of its log is above): $*"; }; }
logged "${debootstrap[@]}" --force-check-gpg --variant=minbase --include=ca-certificates,python3,python3-venv "$suite" "$root" "$mirror"
cat >"$root/etc/apt/sources.list" <<LIST
deb $mirror $suite main
deb $mirror $suite-updates main
deb $security $suite-security main
LIST
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
logged chroot "$root" apt-get -qq -o APT::Sandbox::User=root update
logged chroot "$root" apt-get -qq -y -o APT::Sandbox::User=root upgrade
# What is this machine's own, or can be fetched again, stays out of the image.
rm -rf "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
tar -C "$root" --one-file-system --numeric-owner -c . | docker import --change 'ENV LANG=C.UTF-8' - "$image" >/dev/null
echo "made $image"
