#!/usr/bin/env bash
# Write .env beside docker-compose.yml, with secrets of this machine's own. Never overwrites one that is there.
set -euo pipefail

env="$(cd "$(dirname "$0")/../.." && pwd)/.env"
if [ -e "$env" ]; then
  echo "$env is there already"
  exit 0
fi
random() { head -c 24 /dev/urandom | base64 | tr -d '+/=\n'; }
umask 077
cat >"$env" <<END
LDT_POSTGRES_PASSWORD=$(random)
LDT_S3_ACCESS_KEY=$(random)
LDT_S3_SECRET_KEY=$(random)
END
echo "wrote $env"
