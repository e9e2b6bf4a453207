"""Removes what a test's Compose project has left, once the test run has ended, in whatever way it ended.

    python reaper.py PROJECT IMAGE        waits until its standard input is closed

Stands in for testcontainers' own reaper, which is an image that may not be reachable. It touches only what bears the
project's label, the processes that were started with the project's name, and the image it was told.
"""

from __future__ import annotations

import subprocess
import sys

import psutil

LABEL = "com.docker.compose.project"


def docker(*arguments: str) -> list[str]:
    """The words that docker answers; none where it refuses: the next step may still succeed."""
    answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)
    return answer.stdout.split() if answer.returncode == 0 else []


def left(project: str) -> dict[str, list[str]]:
    """Containers, volumes and networks of a project that are there now."""
    by_label = ("--filter", f"label={LABEL}={project}")
    return {
        "containers": docker("ps", "-aq", *by_label),
        "volumes": docker("volume", "ls", "-q", *by_label),
        "networks": docker("network", "ls", "-q", *by_label),
    }


def end_compose(project: str) -> None:
    """End a `docker compose` that outlived its test: it would go on making containers."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("COMPOSE_PROJECT_NAME") == project:
                process.terminate()
                found.append(process)
        except psutil.Error:
            continue  # gone meanwhile, or somebody else's
    for process in psutil.wait_procs(found, timeout=20)[1]:
        process.kill()


def remove(project: str, image: str) -> None:
    """Remove what is left of the project, and the image."""
    end_compose(project)
    there = left(project)
    if there["containers"]:
        docker("rm", "--force", "--volumes", *there["containers"])
    if there["volumes"]:
        docker("volume", "rm", *there["volumes"])
    if there["networks"]:
        docker("network", "rm", *there["networks"])
    docker("rmi", image)


if __name__ == "__main__":
    sys.stdin.read()
    remove(sys.argv[1], sys.argv[2])
