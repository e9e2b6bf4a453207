"""`python -m ldt_stack.broker`: run the broker alone, in one process."""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

import uvicorn
from pydantic import ValidationError

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.http.app import BrokerApp
from ldt_stack.broker.http.protocol import WholeAnswers
from ldt_stack.broker.logs import LogFormat, configure_logs
from ldt_stack.broker.settings import BrokerSettings

_PREFIX: Final = "LDT_BROKER_"
_OBJECTS_BETWEEN_COLLECTIONS: Final = 20_000
_SWITCH_SECONDS: Final = 0.001  # how long a dear read may keep the event loop waiting for the interpreter


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ldt_stack.broker", description="The embedded NGSI-LD broker.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9090, help="port; 0 for a free one (default: %(default)s)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where to keep data (default: temporary)")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help='written once it answers: {"broker": URL}')
    parser.add_argument("--public-url", metavar="URL", help="how others reach it, if not as they address it")
    parser.add_argument(
        "--outbound-addresses",
        metavar="WHAT",
        help="what @context downloads, notifications and forwarded requests may connect to: any (default), public "
        "(nothing private, loopback or link-local), networks such as 10.1.0.0/16; several with commas",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other limit (see docs/broker.md), for example max_body_bytes=1000000; may be repeated",
    )
    parser.add_argument(
        "--log-level",
        default="warning",
        choices=["debug", "info", "warning", "error"],
        help="info logs every request (default: %(default)s)",
    )
    parser.add_argument("--log-format", default="text", choices=get_args(LogFormat), help="default: %(default)s")
    options = parser.parse_args(argv)
    try:
        options.settings = _settings(options, os.environ)
    except ValueError as error:
        parser.error(str(error))
    return options


def _settings(options: argparse.Namespace, environment: Mapping[str, str]) -> BrokerSettings:
    """From the command line first, then from the environment: LDT_BROKER_ and the name of a setting in capitals.

    Raises:
        ValueError: A setting is unknown or has a value that it cannot have; says all that are wrong.
    """
    names = BrokerSettings.model_fields
    given: dict[str, object] = {
        name: environment[_PREFIX + name.upper()] for name in names if _PREFIX + name.upper() in environment
    }
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--set {pair}: expected NAME=VALUE")
        given[name] = value
    named = {
        "data_dir": options.data,
        "public_url": options.public_url,
        "outbound_addresses": options.outbound_addresses,
    }
    given |= {name: value for name, value in named.items() if value is not None}
    try:
        return BrokerSettings.model_validate(given)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ValueError("; ".join(wrong)) from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Writes the ready file once requests are answered."""

    def __init__(self, config: uvicorn.Config, ready_file: Path | None, url: str) -> None:
        super().__init__(config)
        self._ready_file = ready_file
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; then says that we are there."""
        await super().startup(sockets)
        if self.should_exit or self._ready_file is None:
            return
        partial = self._ready_file.with_name(self._ready_file.name + ".partial")
        partial.write_text(json.dumps({"broker": self._url}) + "\n", encoding="utf-8")
        partial.replace(self._ready_file)


def _rest_collector() -> None:
    """Look for cycles less often: batches under way are many objects without any, which would be looked at each time.

    What is imported by now lives as long as the process and is not looked at again at all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Exit code 2 for what the user can mend, 4 for a failure of ours."""
    options = _arguments(argv)
    configure_logs(options.log_level, options.log_format)
    try:
        listener = _listen(options.host, options.port)
    except OSError as error:
        sys.stderr.write(f"Cannot listen at {options.host}:{options.port}: {error}. Try another --port.\n")
        return 2
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    _rest_collector()
    sys.setswitchinterval(_SWITCH_SECONDS)
    application = BrokerApp(options.settings)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        http=WholeAnswers,
        timeout_graceful_shutdown=math.ceil(options.settings.shutdown_grace_seconds),
    )
    server = _Server(config, options.ready_file, url)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again when it has ended: that was all
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    try:
        server.run(sockets=[listener])
    except NgsiLdError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 4
    except SystemExit:  # uvicorn's way to say that the start failed; it has told why
        return 4
    finally:
        listener.close()
    return 0 if server.started else 4


if __name__ == "__main__":
    sys.exit(main())
