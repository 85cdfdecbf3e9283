"""The clouds that gpuhunt asks by itself, in a child process with a limit on time and memory.

The library brings ``requests`` with no limit on size, time in all or redirects; the child has them (see
:mod:`app.pricing.sources.gpuhunt_child`) and hands its items back as lines of JSON.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from app.core.http_client import Fault, FetchError
from app.core.settings import HOME
from app.core.units import KIB, MIB
from app.pricing.offers.offer import RawOffer
from app.pricing.sources.base import NO_GPU, Source, text

PROVIDERS = {"lium": "lium", "daytona": "daytona", "seeweb": "seeweb",
             "jarvislabs": "jarvis-labs"}  # fmt: skip
"""gpuhunt's name → our provider."""
MAX_OUTPUT = 32 * MIB
TOTAL_S = 120


class GpuhuntLive(Source):
    name = "gpuhunt_live"
    title = "clouds asked through gpuhunt"
    origin = "https://lium.io"
    every_minutes = 30
    privacy = "https://lium.io/privacy"
    services: ClassVar[Mapping[str, str]] = {
        "Lium, nodes": "https://lium.io/privacy",
        "Daytona, GPU sandboxes": "https://www.daytona.io/privacy-policy",
        "Seeweb, plans": "https://www.seeweb.it/en/privacy-policy",
        "JarvisLabs, GPUs": "https://jarvislabs.ai/privacy",
    }

    async def fetch(self) -> list[RawOffer]:
        lines = (await self._run()).splitlines()
        items: list[Any] = []
        faults: list[Any] = []
        self.left_out.clear()
        for line in lines:
            try:
                entry = json.loads(line, parse_float=str)
            except (ValueError, RecursionError):
                raise FetchError(Fault.TRUNCATED, "the child's answer was cut off") from None
            if "no_gpu" in entry:
                self.leave(NO_GPU, int(entry["no_gpu"]))
            else:
                (faults if "fault" in entry else items).append(entry)
        self.faults = {PROVIDERS[fault["provider"]]: fault["fault"] for fault in faults}
        if not items:
            words = "; ".join(f"{fault['provider']}: {fault['fault']}" for fault in faults)[:300]
            raise FetchError(Fault.UNREACHABLE, words or "no cloud answered")
        return self.each(items, self._read, "lium")

    async def _run(self) -> str:
        """Everything the child prints. It is killed, with what it started, when the time is up."""
        asked = {"mirror": self.settings.source_urls.get(self.name, ""), "contact": self.settings.contact_email,
                 "keys": dict(self.settings.source_keys), "providers": list(PROVIDERS)}  # fmt: skip
        environment = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE")
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.pricing.sources.gpuhunt_child", cwd=HOME, env=environment,
            start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            limit=MIB,
        )  # fmt: skip
        try:
            async with asyncio.timeout(TOTAL_S):
                assert process.stdin is not None
                process.stdin.write(json.dumps(asked).encode())
                process.stdin.close()
                output = await _bounded(process.stdout)
                await process.wait()
        except TimeoutError:
            raise FetchError(Fault.TOO_SLOW, f"the child took over {TOTAL_S} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            raise FetchError(Fault.CRASHED, f"the child ended with status {process.returncode}")
        return output

    def _read(self, item: Any) -> Iterator[RawOffer]:
        yield self.offer(
            provider=PROVIDERS[text(item["provider"])], gpu=text(item["gpu_name"]), gpu_count=item["gpu_count"],
            gpu_memory_gb=item["gpu_memory"], tier="spot" if item["spot"] else "on-demand", disk_gb=item["disk_size"],
            amount_per_instance_hour=item["price"], region=text(item["location"]), product=text(item["instance_name"]),
            vcpus=item["cpu"], ram_gb=item["memory"], price_includes="gpu+host",
        )  # fmt: skip


async def _bounded(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    parts: list[bytes] = []
    size = 0
    while chunk := await stream.read(64 * KIB):
        size += len(chunk)
        if size > MAX_OUTPUT:
            raise FetchError(Fault.TOO_LARGE, f"the child printed over {MAX_OUTPUT:,} bytes")
        parts.append(chunk)
    return b"".join(parts).decode("utf-8", "replace")
