#!/usr/bin/env bash
# Docker Compose v2 and buildx for a Debian 12 that has neither, taken from Debian trixie's archive.
#
#   reference-stack/images/get-compose.sh DIR     puts DIR/cli-plugins/docker-compose and docker-buildx
#
# Use them with DOCKER_CONFIG=DIR. Nothing outside DIR is changed. Needs: apt-get and dpkg-deb, no root.
set -euo pipefail

target="${1:?usage: get-compose.sh DIR}"
mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
if [ -x "$target/cli-plugins/docker-compose" ] && [ -x "$target/cli-plugins/docker-buildx" ]; then
  exit 0
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,debs,root}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$work/sources.list"
apt=(apt-get -qq
  -o "Dir::State=$work/state" -o "Dir::Cache=$work/cache" -o "Dir::Etc::SourceList=$work/sources.list"
  -o "Dir::Etc::SourceParts=/dev/null" -o "Dir::State::status=/var/lib/dpkg/status" -o "APT::Sandbox::User=root")
"${apt[@]}" update
(cd "$work/debs" && "${apt[@]}" download docker-compose docker-buildx)
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
mkdir -p "$target/cli-plugins"
for plugin in docker-compose docker-buildx; do
  found="$(find "$work/root" -type f -name "$plugin" -perm -u+x | head -n 1)"
  [ -n "$found" ] || { echo "get-compose.sh: no $plugin in Debian trixie's package" >&2; exit 1; }
  install -m 755 "$found" "$target/cli-plugins/$plugin"
done
echo "put $(DOCKER_CONFIG="$target" docker compose version) into $target"
