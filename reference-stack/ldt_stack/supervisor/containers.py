"""`python -m ldt_stack site-file`: the site file of the twin that docker-compose.yml runs.

Ports and keys are read where Compose reads them: the environment, then the .env file. Defaults are those of
docker-compose.yml (tested).

The city's own address of its @context is one that only this machine can use, or only the containers. So the @context is
hosted by the broker too, where one URL serves both (CIM 009 V1.9.1, clauses 5.13.2 and 5.13.3); it is done once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urljoin

import httpx

from ldt_stack.forecaster.model import MODEL_NAME
from ldt_stack.ngsi_ld_client import api_root
from ldt_stack.objects.s3 import Credentials
from ldt_stack.objects.seaweed import LOOPBACK, ObjectServer
from ldt_stack.supervisor.parts import Part, Plan
from ldt_stack.supervisor.site_file import write_site_file
from ldt_stack.supervisor.workspace import keep_credentials

EXIT_USAGE = 2
PORTS = {"broker": 1026, "objects": 8333, "city": 8700, "forecaster": 8800, "ui": 8080}
SETTINGS = {name: f"LDT_{'MAP' if name == 'ui' else name.upper()}_PORT" for name in PORTS}
ADDRESS = "LDT_ADDRESS"
KEYS = ("LDT_S3_ACCESS_KEY", "LDT_S3_SECRET_KEY")
SECRET_FILES = ("s3-access-key", "s3-secret-key", "credentials.env")


def read_settings(env_file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """NAME=VALUE lines of the file, those of the environment taking precedence.

    Raises:
        OSError: The file cannot be read.
    """
    settings = {}
    for line in env_file.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            settings[name.strip()] = " ".join(shlex.split(value, comments=True))
    return {**settings, **{name: value for name, value in environment.items() if name.startswith("LDT_")}}


def container_plan(settings: Mapping[str, str]) -> Plan:
    """The parts at their published ports.

    Raises:
        ValueError: A port is no number.
    """
    ports = {name: int(settings.get(SETTINGS[name]) or default) for name, default in PORTS.items()}
    address = settings.get(ADDRESS) or LOOPBACK
    urls = {name: f"http://{address}:{port}" for name, port in ports.items()}
    store = ObjectServer(
        product="SeaweedFS",
        command=(),
        environment={},
        url=urls["objects"],
        health_path="/healthz",
        leftovers=(),
        verifies_signatures=True,
    )
    return Plan(tuple(Part(name, url, ()) for name, url in urls.items()), store)


def model_version(forecaster: str) -> str:
    """The version that the forecaster serves now.

    Raises:
        httpx.HTTPError: It does not answer, or has no model yet.
    """
    answer = httpx.get(f"{forecaster}/v2/models/{MODEL_NAME}", timeout=10.0, trust_env=False).raise_for_status()
    return str(answer.json()["versions"][-1])


def hosted_context(broker: str, document: object) -> str:
    """The URL at the broker of a hosted @context with this content; hosts it where there is none.

    Args:
        broker: The broker's URL, as we reach it.
        document: A JSON-LD document with an "@context".

    Raises:
        httpx.HTTPError: The broker did not answer, or refused.
    """
    with httpx.Client(base_url=api_root(broker), timeout=10.0, trust_env=False) as client:
        listed = client.get("/jsonldContexts", params={"kind": "Hosted", "details": "true"}).raise_for_status().json()
        for entry in listed:
            url = f"{client.base_url}jsonldContexts/{quote(entry['localId'], safe=':')}"
            if client.get(url).raise_for_status().json() == document:
                return url
        headers = {"Content-Type": "application/ld+json"}
        answer = client.post("/jsonldContexts", json=document, headers=headers).raise_for_status()
        return urljoin(str(client.base_url), answer.headers["Location"])


def main(arguments: list[str]) -> int:
    """Write it; 0, or 2 where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m ldt_stack site-file", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="where ldt.yaml and the files it names are written")
    parser.add_argument("--env-file", type=Path, default=Path(".env"), help="the file Compose was given (default .env)")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings(options.env_file, os.environ)
        credentials = Credentials(*(settings[name] for name in KEYS))
        plan = container_plan(settings)
        version = model_version(plan.url("forecaster") or "")
        city = httpx.get(f"{plan.url('city')}/contexts/city.jsonld", timeout=10.0, trust_env=False).raise_for_status()
        context = hosted_context(plan.url("broker") or "", city.json())
    except OSError as error:
        return _complain(f"{options.env_file}: {error.strerror}. Try: reference-stack/images/make-env.sh")
    except KeyError as error:
        return _complain(f"{options.env_file} has no {error}. Try: reference-stack/images/make-env.sh")
    except ValueError as error:
        return _complain(f"{options.env_file}: a port is no number ({error})")
    except httpx.HTTPError as error:
        return _complain(f"the twin did not answer as expected ({error}). Is it up? Try: docker compose ps")
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SECRET_FILES:
        (options.folder / name).unlink(missing_ok=True)
    keep_credentials(options.folder, credentials)
    print(write_site_file(plan, options.folder, version, context))  # noqa: T201 — the command line's own answer
    return 0


def _complain(problem: str) -> int:
    print(f"site-file: {problem}", file=sys.stderr)  # noqa: T201 — as above
    return EXIT_USAGE
