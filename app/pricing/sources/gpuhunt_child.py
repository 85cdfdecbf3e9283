"""The child process that lets gpuhunt ask its clouds. Reads one line of JSON, prints one line of JSON an item.

Its limits: processor time and memory, set in the kernel, and around every request a timeout, no proxy, and only the
hosts that the library's clients name. A mirror, if one is set, replaces all of them.
"""

import importlib
import json
import os
import resource
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from app.core.units import MIB

MEMORY_BYTES = 1_500 * MIB
CPU_S = 60
REQUEST_S = 20
KEYS = {"jarvislabs": "JL_API_KEY", "seeweb": "SEEWEB_API_TOKEN",
        "daytona": "DAYTONA_API_KEY"}  # fmt: skip
CLASSES = {"lium": "LiumProvider", "daytona": "DaytonaProvider", "seeweb": "SeewebProvider",
           "jarvislabs": "JarvisLabsProvider"}  # fmt: skip
DOMAINS = ("lium.io", "daytona.io", "seeweb.it", "jarvislabs.net")


def main() -> None:
    """Ask every cloud that is listed and needs no key, or has one."""
    asked = json.loads(sys.stdin.read())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    _guard(asked["mirror"], asked["contact"])
    for name, variable in KEYS.items():
        if key := asked["keys"].get(name):
            os.environ[variable] = key
    for name in asked["providers"]:
        _one(name)


def _one(name: str) -> None:
    from gpuhunt._internal.errors import MissingCredsError
    from gpuhunt._internal.models import QueryFilter

    try:
        kind = getattr(importlib.import_module(f"gpuhunt.providers.{name}"), CLASSES[name])
        items = kind.from_env().get(QueryFilter(), balance_resources=False)
    except (MissingCredsError, ImportError):
        return
    except Exception as error:  # whatever the library raises concerns this cloud only
        print(json.dumps({"provider": name, "fault": f"{type(error).__name__}: {error}"[:200]}), flush=True)
        return
    without = 0
    for item in items:
        if item.gpu_count:
            print(json.dumps({"provider": name, **_facts(item)}))
        else:
            without += 1
    print(json.dumps({"provider": name, "no_gpu": without}))
    sys.stdout.flush()


def _facts(item: Any) -> dict[str, Any]:
    names = (
        "instance_name",
        "location",
        "price",
        "cpu",
        "memory",
        "gpu_count",
        "gpu_name",
        "gpu_memory",
        "spot",
        "disk_size",
    )
    return {name: getattr(item, name) for name in names}


def _is_known(host: str) -> bool:
    """True for the domains of these clouds and what lies below them."""
    return any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS)


def _guard(mirror: str, contact: str) -> None:
    """Put limits around every request that the library makes."""
    import requests

    send = requests.Session.send

    def limited(self: Any, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        if mirror:
            to = urlsplit(mirror)
            request.url = urlunsplit((to.scheme, to.netloc, parts.path, parts.query, ""))
        elif parts.scheme != "https" or not _is_known(parts.hostname or ""):
            raise requests.exceptions.InvalidURL(f"{parts.netloc} is not a host of these clouds")
        request.headers["User-Agent"] = f"InferenceBench (GPU price comparison; {contact})"
        options.update(timeout=REQUEST_S, allow_redirects=False, proxies={}, verify=True)
        return send(self, request, **options)

    requests.Session.send = limited  # type: ignore[method-assign]
    requests.Session.max_redirects = 0


if __name__ == "__main__":
    main()
