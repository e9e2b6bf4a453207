#!/usr/bin/env bash
# Build the image ldt-reference from this checkout.
#
#   reference-stack/images/build.sh [BASE]     BASE: default is the Dockerfile's (python:3.11-slim-bookworm);
#                                              ldt-base:bookworm where no registry is reachable (base/make.sh makes it)
#
# The wheels are gathered on this machine (hashes checked against the lock) and installed without any index.
# Needs: docker, python3 with pip and venv, a package index.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
repo="$(cd "$here/../.." && pwd)"
base="${1:-}"
python="${PYTHON:-python3}"
[ -x "$repo/.venv/bin/python" ] && python="$repo/.venv/bin/python"

wheels="$here/ldt/wheels"
rm -rf "$wheels"
mkdir -p "$wheels"
"$python" -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
  --python-version 3.11 --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux_2_28_x86_64 \
  --dest "$wheels" --requirement "$here/ldt/requirements.lock"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$wheels" "$repo"

args=(--tag ldt-reference:0.1.0)
[ -n "$base" ] && args+=(--build-arg "BASE=$base")
DOCKER_BUILDKIT="${DOCKER_BUILDKIT:-0}" docker build "${args[@]}" "$here/ldt"
rm -rf "$wheels"
