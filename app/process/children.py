"""Children end with their parent, even if it is killed, and a signal stops them from the moment they start."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal to receive when the parent ends. It survives exec."""
LOOK_EVERY_S = 0.5


def end_with_parent(number: signal.Signals = signal.SIGKILL, parent: int | None = None) -> None:
    """End this process when its parent ends: through the kernel on Linux, by checking twice a second elsewhere."""
    known = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != known:  # the parent ended before the call
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(known,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(1)


def forked_children_end_with_us() -> None:
    """From now on, a forked child ends with this process, and SIGTERM stops it even while it is still loading.

    A fork inherits the parent's handlers, which in the child would swallow a signal.
    """
    me = os.getpid()

    def begin() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent stops its children
        end_with_parent(parent=me)

    os.register_at_fork(after_in_child=begin)
