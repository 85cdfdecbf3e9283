"""``python -m app.process.exec_with_parent PARENT COMMAND…``: become COMMAND, and end when PARENT does, even if it is
killed."""

import os
import signal
import sys

from app.process.children import end_with_parent


def main() -> None:
    """Ask the kernel for a signal at the parent's end, then become the command; elsewhere, stay and watch over it."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if len(command) > 2 and "workers" in command:
        os.nice(10)  # fetching runs at a lower priority than serving
    if sys.platform == "linux":
        end_with_parent(signal.SIGTERM, parent)
        os.execv(command[0], command)  # noqa: S606 -- the supervisor's own commands
    sys.exit(_beside(parent, command))


def _beside(parent: int, command: list[str]) -> int:
    """Run the command as a child that ends when ``parent`` does, on systems where an exec would lose that setting."""
    import subprocess

    child = subprocess.Popen(command)  # noqa: S603 -- the supervisor's own commands
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.terminate())
    while True:
        try:
            return child.wait(0.5)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                child.terminate()


if __name__ == "__main__":
    main()
