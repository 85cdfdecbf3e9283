"""Which connections a process opens, written down by the process itself.

Python's audit events tell of sockets; uvloop opens its own below Python, so its loop tells of those.
"""

import os
import subprocess
import sys
from pathlib import Path

_HOOK = """
import sys

def note(what):
    with open({record!r}, "a") as file:
        file.write(what + "\\n")

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        note(f"{{event}} {{arguments[1:] if event != 'socket.getaddrinfo' else arguments[:2]}}")

sys.addaudithook(watch)
import uvloop

class Loop(uvloop.Loop):
    async def create_connection(self, factory, host=None, port=None, **more):
        note(f"connection {{(host, port)}}")
        return await super().create_connection(factory, host, port, **more)

    async def create_unix_connection(self, factory, path=None, **more):
        note(f"unix {{path}}")
        return await super().create_unix_connection(factory, path, **more)

    async def create_datagram_endpoint(self, factory, local_addr=None, remote_addr=None, **more):
        note(f"datagram {{remote_addr}}")
        return await super().create_datagram_endpoint(factory, local_addr, remote_addr, **more)

    async def sock_connect(self, sock, address):
        note(f"sock {{address}}")
        return await super().sock_connect(sock, address)

uvloop.Loop = uvloop.new_event_loop = Loop
"""


class Outgoing:
    """The environment of a process that writes its connections down, and what it wrote."""

    def __init__(self, folder: Path) -> None:
        hook = folder / "hook"
        hook.mkdir()
        self._record = folder / "connections.txt"
        (hook / "sitecustomize.py").write_text(_HOOK.format(record=str(self._record)))
        self.environment = {"PYTHONPATH": str(hook)}
        for loop in ("asyncio", "uvloop"):
            self._record.write_text("")
            code = (f"import asyncio, {loop}, contextlib\nasync def go():\n with contextlib.suppress(OSError):\n  "
                    "await asyncio.open_connection('127.0.0.1', 9)\n"
                    f"loop = {loop}.new_event_loop()\nloop.run_until_complete(go())")  # fmt: skip
            subprocess.run([sys.executable, "-c", code], env={**os.environ, **self.environment}, check=True)
            assert "('127.0.0.1', 9)" in self._record.read_text(), "the hook sees connections"
        self._record.write_text("")

    def lines(self) -> list[str]:
        """What was opened, each once."""
        return sorted(set(self._record.read_text().splitlines()))
