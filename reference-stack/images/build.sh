#!/usr/bin/env bash
# Build the image of the reference twin from this checkout.
#
#   reference-stack/images/build.sh [BASE [TAG]]   BASE: default python:3.11-slim-bookworm;
#                                                  ldt-base:bookworm where no registry is reachable (base/make.sh)
#                                                  TAG: default ldt-reference:0.1.0, as docker-compose.yml has it
#
# Third-party packages go into an image of their own, ldt-dependencies:DIGEST, named by what it was made from and made
# only where it is not there; on top of it comes the code. Packages are installed on this machine, hashes checked against
# the lock, and copied into the image. Needs: docker, a package index, python3 with pip.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
repo="$(cd "$here/../.." && pwd)"
base="${1:-python:3.11-slim-bookworm}"
tag="${2:-ldt-reference:0.1.0}"
python="${PYTHON:-python3}"
[ -x "$repo/.venv/bin/python" ] && python="$repo/.venv/bin/python"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# The classic builder: BuildKit needs the buildx plugin, which a plain Debian does not have.
export DOCKER_BUILDKIT=0

fail() { echo "build.sh: $*" >&2; exit 1; }

command -v docker >/dev/null || fail "docker is missing. Try: apt-get install docker.io"
docker info >/dev/null 2>&1 || fail "no Docker Engine answers. Is it started, and may you use it (docker info)?"
# One build at a time: two at once would make the same dependencies twice.
if command -v flock >/dev/null; then
  exec 9>"${TMPDIR:-/tmp}/ldt-image-build.$(id -u).lock"
  flock 9
fi
docker image inspect "$base" >/dev/null 2>&1 || docker pull --quiet "$base" ||
  fail "$base is not here and could not be pulled. Without a registry: reference-stack/images/base/make.sh, then build.sh ldt-base:bookworm"
[ "$(docker image inspect --format '{{.Architecture}}' "$base")" = amd64 ] ||
  fail "$base is not for x86-64, and no other processor has all the wheels. Try: DOCKER_DEFAULT_PLATFORM=linux/amd64"

context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() { docker build --quiet --force-rm "$@" 2>"$context/errors" || { cat "$context/errors" >&2; exit 1; }; }

inputs="$({ docker image inspect --format '{{.Id}}' "$base"; cat "$here"/dependencies/*; } | sha256sum | cut -c 1-12)"
dependencies="ldt-dependencies:$inputs"
if ! docker image inspect "$dependencies" >/dev/null 2>&1; then
  version="$(docker run --rm --entrypoint python3 "$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  mkdir -p "$context/dependencies"
  cp "$here"/dependencies/Dockerfile "$context/dependencies/"
  "$python" -m pip install --quiet --require-hashes --no-deps --no-compile --only-binary :all: \
    --python-version "$version" --implementation cp \
    --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux_2_28_x86_64 \
    --target "$context/dependencies/packages" --requirement "$here/dependencies/requirements.lock"
  chmod -R a+rX "$context/dependencies/packages"
  build --tag "$dependencies" --build-arg "BASE=$base" "$context/dependencies"
fi
mkdir -p "$context/ldt"
cp "$here/ldt/Dockerfile" "$context/ldt/"
"$python" -m pip install --quiet --no-deps --no-compile --target "$context/ldt/own" "$repo"
chmod -R a+rX "$context/ldt/own"
build --tag "$tag" --build-arg "DEPENDENCIES=$dependencies" "$context/ldt"
