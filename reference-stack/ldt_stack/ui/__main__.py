"""`python -m ldt_stack.ui`: serve the map and charts of a running twin."""

from __future__ import annotations

import argparse
import sys

from ldt_stack.listening import bind
from ldt_stack.ngsi_ld_client import NgsiLdClient
from ldt_stack.serving import common_arguments, run_part, serve
from ldt_stack.ui.app import create_app

DEFAULT_PORT = 8080


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ldt_stack.ui", description=__doc__)
    common_arguments(parser, DEFAULT_PORT)
    parser.add_argument("--broker", required=True, help="URL of the NGSI-LD broker")
    parser.add_argument("--context", help="URL of the @context of the city's terms")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of the city in a second (default 1)")
    parser.add_argument("--city", default="Helsinki", help="name in the page's head")
    return parser.parse_args(arguments)


async def start(options: argparse.Namespace) -> None:
    """Serve until stopped."""
    listener = bind(options.host, options.port)
    async with NgsiLdClient(options.broker, options.context) as client:
        app = create_app(client, speed=options.speed, city=options.city)
        await serve(app, listener, client.wait_until_answering, options.ready_file)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit code."""
    options = parse_arguments(arguments)
    return run_part("ui", lambda: start(options))


if __name__ == "__main__":
    sys.exit(main())
