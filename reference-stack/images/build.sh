#!/usr/bin/env bash
# Build the image of the reference twin from this checkout.
#
#   reference-stack/images/build.sh [BASE [TAG]]   BASE: default is the Dockerfile's (python:3.11-slim-bookworm);
#                                                  ldt-base:bookworm where no registry is reachable (base/make.sh)
#                                                  TAG: default ldt-reference:0.1.0, as docker-compose.yml has it
#
# The wheels are gathered on this machine, hashes checked against the lock, and installed without any index.
# Needs: docker, python3 with pip, a package index.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
repo="$(cd "$here/../.." && pwd)"
base="${1:-}"
tag="${2:-ldt-reference:0.1.0}"
python="${PYTHON:-python3}"
[ -x "$repo/.venv/bin/python" ] && python="$repo/.venv/bin/python"

context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
mkdir -p "$context"/wheels/{locked,own}
cp "$here/ldt/Dockerfile" "$here/ldt/requirements.lock" "$context/"
"$python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
  --python-version 3.11 --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux_2_28_x86_64 \
  --dest "$context/wheels/locked" --requirement "$context/requirements.lock"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$context/wheels/own" "$repo"

arguments=(--tag "$tag")
[ -n "$base" ] && arguments+=(--build-arg "BASE=$base")
# The classic builder: BuildKit needs the buildx plugin, which a plain Debian does not have.
DOCKER_BUILDKIT=0 docker build --quiet "${arguments[@]}" "$context"
