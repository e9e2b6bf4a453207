#!/usr/bin/env bash
# Docker Compose v2 and buildx for a Debian 12 that has neither, taken from Debian trixie's archive.
#
#   reference-stack/images/get-compose.sh DIR     puts DIR/cli-plugins/docker-compose and docker-buildx
#
# Use them with DOCKER_CONFIG=DIR. Nothing outside DIR is changed. Needs what debian-packages.sh needs.
set -euo pipefail

target="${1:?usage: get-compose.sh DIR}"
here="$(cd "$(dirname "$0")" && pwd)"
if [ -x "$target/cli-plugins/docker-compose" ] && [ -x "$target/cli-plugins/docker-buildx" ]; then
  exit 0
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"$here/debian-packages.sh" trixie "$work" docker-compose docker-buildx
mkdir -p "$target/cli-plugins"
for plugin in docker-compose docker-buildx; do
  found="$(find "$work" -type f -name "$plugin" -perm -u+x | head -n 1)"
  [ -n "$found" ] || { echo "get-compose.sh: no $plugin in Debian trixie's package" >&2; exit 1; }
  install -m 755 "$found" "$target/cli-plugins/$plugin"
done
echo "put $(DOCKER_CONFIG="$target" docker compose version) into $target"
