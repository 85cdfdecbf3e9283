"""``python -m app.process.exec_with_parent PARENT COMMAND…``: become COMMAND, and end when PARENT does, even if that is killed."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal to get when the parent ends. It outlives exec."""


def main() -> None:
    """Ask the kernel for a signal at the parent's end, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(0)
    if len(command) > 2 and "workers" in command:
        os.nice(10)  # fetching gives way to serving
    os.execv(command[0], command)  # noqa: S606 -- the supervisor's own commands


if __name__ == "__main__":
    main()
