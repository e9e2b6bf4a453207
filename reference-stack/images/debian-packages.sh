#!/usr/bin/env bash
# Unpack packages of a Debian suite into a folder, verified by Debian's keys; nothing is installed on this machine.
#
#   debian-packages.sh SUITE DIR PACKAGE...
#
# Needs: apt-get, dpkg-deb, Debian's keyring and archive (another mirror: DEBIAN_MIRROR). No root.
set -euo pipefail

suite="${1:?usage: debian-packages.sh SUITE DIR PACKAGE...}" target="${2:?}"
shift 2
mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "debian-packages.sh: $tool is missing: this works on Debian and Ubuntu only" >&2; exit 1; }
done
[ -r "$keyring" ] || { echo "debian-packages.sh: $keyring is missing. Try: apt-get install debian-archive-keyring" >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,debs} "$target"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
apt=(apt-get -qq
  -o "Dir::State=$work/state" -o "Dir::Cache=$work/cache" -o "Dir::Etc::SourceList=$work/sources.list"
  -o "Dir::Etc::SourceParts=/dev/null" -o "Dir::State::status=/dev/null" -o "APT::Sandbox::User=root"
  -o "Acquire::Languages=none")
"${apt[@]}" update
(cd "$work/debs" && "${apt[@]}" download "$@")
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$target"; done
