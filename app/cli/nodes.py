"""``inferencebench nodes``: which nodes were heard of, and forgetting one."""

import asyncio

from app.cli.options import group
from app.core import clock
from app.core.errors import InferenceBenchError
from app.core.settings import PREFIX, Settings
from app.core.shared_queue import AWAY

app = group("nodes")


def _several(settings: Settings) -> None:
    if not settings.redis_url:
        raise InferenceBenchError(f"this is the only node; several share a queue, which {PREFIX}REDIS_URL names")


@app.command(name="list")
def list_(*, settings: Settings) -> int:
    """List every node that was heard of within 90 days; the exit status is 1 if one is silent."""
    from rich.console import Console
    from rich.table import Table

    from app.telemetry import nodes

    _several(settings)
    found = asyncio.run(nodes.known_nodes(settings))
    if found is None:
        raise InferenceBenchError(f"the queue at {PREFIX}REDIS_URL does not answer; start it, then ask again")
    table = Table("node", "role", "version", "heard", "there", box=None)
    for node in found:
        heard = f"{clock.from_timestamp(node.seen_at):%Y-%m-%d %H:%M:%S}"
        table.add_row(node.name, node.role or "-", node.version or "-", heard, "yes" if node.there else "no")
    Console(markup=False).print(table)
    return 0 if all(node.there for node in found) else 1


@app.command
def forget(name: str, /, *, settings: Settings) -> int:
    """Forget a node that will not come back, and whose access log is deleted: it is asked no more.

    Args:
        name: the node, as the list names it
    """
    from app.telemetry import nodes

    _several(settings)
    try:
        known = asyncio.run(nodes.forget(settings, name))
    except AWAY as error:
        raise InferenceBenchError(
            f"the queue at {PREFIX}REDIS_URL does not answer ({type(error).__name__}); start it, then ask again"
        ) from None
    if not known:
        raise InferenceBenchError(f"no node is called {name[:70]!r}; inferencebench nodes list names them")
    print(f"{name} is forgotten")
    return 0
