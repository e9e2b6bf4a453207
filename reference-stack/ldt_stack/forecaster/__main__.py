"""`python -m ldt_stack.forecaster`: learn from a broker's history, publish forecasts, answer inference requests."""

from __future__ import annotations

import argparse
import os
import sys

from ldt_stack.city.clock import SeriesClock
from ldt_stack.forecaster.cycle import Cycle, ObjectStore, utc_now
from ldt_stack.forecaster.service import create_app
from ldt_stack.listening import UsageError
from ldt_stack.ngsi_ld_client import NgsiLdClient
from ldt_stack.objects.s3 import Credentials, S3Client
from ldt_stack.serving import bind, clock_arguments, common_arguments, run_part, serve

DEFAULT_PORT = 8800


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ldt_stack.forecaster", description=__doc__)
    common_arguments(parser, DEFAULT_PORT)
    clock_arguments(parser)
    parser.add_argument("--broker", required=True, help="URL of the NGSI-LD broker")
    parser.add_argument("--context", help="URL of the @context of the city's terms")
    parser.add_argument(
        "--objects", help="URL of the object store; keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )
    parser.add_argument("--bucket", default="models", help="bucket for models (default models)")
    return parser.parse_args(arguments)


async def start(options: argparse.Namespace) -> None:
    """Serve until stopped."""
    clock = SeriesClock(options.epoch or utc_now(), options.speed)
    store = None
    if options.objects:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise UsageError(f"--objects needs {' and '.join(missing)} in the environment")
        credentials = Credentials(*(os.environ[name] for name in names))
        store = ObjectStore(S3Client(options.objects, credentials), options.objects.rstrip("/"), options.bucket)
    listener = bind(options.host, options.port)
    async with NgsiLdClient(options.broker, options.context) as client:
        cycle = Cycle(client, clock, store)

        async def ready() -> dict[str, object]:
            await cycle.published.wait()
            if cycle.served is None:
                return {}
            return {"scores": str(cycle.served.training.scores), "version": cycle.served.version}

        await serve(create_app(cycle), listener, ready, options.ready_file)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit code."""
    options = parse_arguments(arguments)
    return run_part("forecaster", lambda: start(options))


if __name__ == "__main__":
    sys.exit(main())
