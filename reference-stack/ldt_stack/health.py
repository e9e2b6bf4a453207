"""`python -m ldt_stack.health URL`: exit 0 where the URL answers 200 within four seconds, else 1. For health checks."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

SECONDS = 4.0


def answers(url: str) -> bool:
    """Whether a GET is answered 200; proxies of the environment are not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError) as error:
        print(f"{url}: {error}", file=sys.stderr)  # noqa: T201 — docker inspect shows it
        return False


if __name__ == "__main__":
    sys.exit(0 if len(sys.argv) == 2 and answers(sys.argv[1]) else 1)
