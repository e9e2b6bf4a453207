"""Runs one command so that it cannot outlive whoever started it. Standard library only; run as a file, not imported.

Usage: shim.py die-with|watch PARENT_PID -- COMMAND…

- `die-with` (Linux): asks the kernel to kill this process when its parent dies, then becomes the command. The wish
  survives exec, and nothing stays in between.
- `watch` (everywhere): starts the command and reads standard input, which is a pipe from the parent. Whatever ends the
  parent closes the pipe; the command is ended then.

Both ignore Ctrl-C, which reaches every process of a terminal's group: the parent decides in which order parts stop.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1  # linux/prctl.h
GRACE_SECONDS = 5.0
EXIT_ORPHAN = 125


def die_with_parent(parent: int, command: list[str]) -> None:
    """Become the command, to be killed with the parent."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before we asked
        sys.exit(EXIT_ORPHAN)
    os.execv(command[0], command)  # noqa: S606 — the command comes from the supervisor, no shell is involved


def watch_parent(command: list[str]) -> int:
    """Run the command until it ends, or until standard input does."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 — as above
    threading.Thread(target=_end_at_eof, args=(child,), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _end_at_eof(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> int:
    """Entry point."""
    mode, parent, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        return 2
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if mode == "die-with":
        die_with_parent(int(parent), command)
    return watch_parent(command)


if __name__ == "__main__":
    sys.exit(main())
