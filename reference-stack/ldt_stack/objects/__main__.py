"""`python -m ldt_stack.objects`: the object store alone, for containers; keys come from the environment."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ldt_stack.listening import EXIT_USAGE
from ldt_stack.objects.s3 import Credentials
from ldt_stack.objects.seaweed import LOOPBACK, object_server


def main(arguments: list[str] | None = None) -> int:
    """Become the object store; returns an exit code only where that cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m ldt_stack.objects", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8333, help="port of the S3 interface")
    parser.add_argument("--data", type=Path, required=True, help="where objects are kept")
    parser.add_argument("--bucket", default="models", help="bucket to make (default models)")
    options = parser.parse_args(arguments)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        print(f"objects: {' and '.join(missing)} must be in the environment", file=sys.stderr)  # noqa: T201 — the command line's own answer
        return EXIT_USAGE
    credentials = Credentials(*(os.environ[name] for name in names))
    server = object_server(options.data, credentials, lambda count: list(range(18000, 18000 + count)), options.port)
    if server is None:
        print("objects: neither SeaweedFS nor moto is installed", file=sys.stderr)  # noqa: T201 — as above
        return EXIT_USAGE
    command = [part.replace(f"-ip.bind={LOOPBACK}", f"-ip.bind={options.host}") for part in server.command]
    environment = {**os.environ, **server.environment, "S3_BUCKET": options.bucket}
    return os.execve(command[0], command, environment)  # noqa: S606 — our own program, no shell


if __name__ == "__main__":
    sys.exit(main())
