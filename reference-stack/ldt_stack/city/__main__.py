"""`python -m ldt_stack.city`: play the city into a broker; serve its @context, catalogue and map."""

from __future__ import annotations

import argparse
import sys

from ldt_stack.city.catalogue import Addresses
from ldt_stack.city.clock import SeriesClock
from ldt_stack.city.entities import load_stations
from ldt_stack.city.replay import Replay, utc_now
from ldt_stack.city.service import create_app
from ldt_stack.listening import url_of
from ldt_stack.ngsi_ld_client import NgsiLdClient
from ldt_stack.serving import bind, clock_arguments, common_arguments, run_part, serve

DEFAULT_PORT = 8700


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ldt_stack.city", description=__doc__)
    common_arguments(parser, DEFAULT_PORT)
    clock_arguments(parser)
    parser.add_argument("--broker", required=True, help="URL of the NGSI-LD broker")
    parser.add_argument("--forecaster", help="URL of the forecaster, for the catalogue")
    parser.add_argument("--public-url", help="how others reach this service (default: the bound address)")
    parser.add_argument("--public-broker", help="how others reach the broker, for the catalogue (default: --broker)")
    parser.add_argument("--context", help="where the broker finds our @context (default: below --public-url)")
    parser.add_argument("--interval", type=float, help="seconds between observations (default: each theme's own)")
    return parser.parse_args(arguments)


async def start(options: argparse.Namespace) -> None:
    """Serve and play until stopped."""
    began = utc_now()
    listener = bind(options.host, options.port)
    public_url = (options.public_url or url_of(listener)).rstrip("/")
    addresses = Addresses(public_url, (options.public_broker or options.broker).rstrip("/"), options.forecaster)
    async with NgsiLdClient(options.broker, options.context or f"{public_url}/contexts/city.jsonld") as client:
        replay = Replay(client, SeriesClock(options.epoch or began, options.speed), options.interval)

        async def ready() -> dict[str, object]:
            await replay.ready.wait()
            return {"stations": len(load_stations())}

        await serve(create_app(replay, addresses, began), listener, ready, options.ready_file)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit code."""
    options = parse_arguments(arguments)
    return run_part("city", lambda: start(options))


if __name__ == "__main__":
    sys.exit(main())
