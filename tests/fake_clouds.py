"""The clouds, on loopback: a real HTTP server that answers in the shapes of their documentation.

Each shape was read where the adapter of the same name says. ``Clouds.answers`` maps (method, path) to what is
answered; a test changes prices or puts a fault in its place. Every request is recorded.
"""

import copy
import csv
import gzip
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Reply:
    """One answer: ``drip_s`` sends it a byte at a time, ``cut`` ends it in the middle."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0
    cut: bool = False


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(value).encode(), status, {"content-type": "application/json", **headers})


Answer = Callable[["Asked"], Reply]


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def everything(self) -> str:
        """The whole request as text, to check that something is not in it."""
        return f"{self.method} {self.path} {self.query} {self.headers} {self.body!r}"


class Clouds:
    """A running server; ``url`` is its address."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = (
                True  # head and body go in two writes; the second must not wait for the first's receipt
            )

            def _do(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("content-length") or 0)
                asked = Asked(
                    self.command, parts.path, parse_qs(parts.query), dict(self.headers.items()), self.rfile.read(length)
                )
                outer.asked.append(asked)
                self._send(outer.reply_to(asked))

            def _send(self, reply: Reply) -> None:
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(reply.body)))
                    if reply.cut:
                        self.send_header("connection", "close")
                    self.end_headers()
                    if reply.drip_s:
                        for byte in reply.body:
                            self.wfile.write(bytes([byte]))
                            self.wfile.flush()
                            time.sleep(reply.drip_s)
                    elif reply.cut:
                        self.wfile.write(reply.body[: len(reply.body) // 2])
                        self.close_connection = True
                    else:
                        self.wfile.write(reply.body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_POST = do_PURGE = do_HEAD = _do  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # of five, ten connections at once overflow, and are tried again a second later

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def reply_to(self, asked: Asked) -> Reply:
        """The answer of the exact path, else of the first that ends in ``*`` and begins as it does, else 404."""
        answer = self.answers.get(asked.path)
        if answer is None:
            answer = next(
                (
                    value
                    for path, value in self.answers.items()
                    if path.endswith("*") and asked.path.startswith(path[:-1])
                ),
                as_json({"message": "not found"}, 404),
            )
        if callable(answer):
            answer = answer(asked)
        return answer if isinstance(answer, Reply) else as_json(answer)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, *names: str) -> dict[str, str]:
        """Settings that send the named sources, or all, here and give each a key."""
        wanted = names or NAMES
        found = {f"INFERENCEBENCH_SOURCE_{name.upper()}_URL": self.url for name in wanted}
        found |= {
            f"INFERENCEBENCH_SOURCE_{name.upper()}_KEY": KEYS.get(name, f"key-of-{name}")
            for name in KEYED
            if name in wanted
        }
        return found


KEYED = ("digitalocean", "hot_aisle", "lambda", "novita", "shadeform", "hyperstack", "primeintellect", "tensordock")
NAMES = ("ecb", "akamai", "akash", "azure", "cudo", "digitalocean", "exoscale", "gpu_price_feed", "gpuhunt",
         "gpuhunt_live", "hf_gpu_prices", "hot_aisle", "hyperbolic", "hyperstack", "karpenter", "lambda", "novita",
         "open_telekom", "ovhcloud", "primeintellect", "runpod", "scaleway", "shadeform", "skypilot", "spot_advisor",
         "spotlake", "tensordock", "vast", "verda", "vultr")  # fmt: skip

KEYS = {"hot_aisle": "acme:key-of-hot_aisle"}
"""Keys of a form of their own."""


@contextmanager
def clouds() -> Iterator[Clouds]:
    """A server with a good answer of every source."""
    server = Clouds()
    server.answers.update(copy.deepcopy({k: v for k, v in GOOD.items() if not callable(v)}))
    server.answers.update({k: v for k, v in GOOD.items() if callable(v)})
    try:
        yield server
    finally:
        server.close()


def bomb(size: int) -> Reply:
    """A small body that unpacks to ``size`` bytes."""
    return Reply(
        gzip.compress(b"[" + b" " * size), 200, {"content-type": "application/json", "content-encoding": "gzip"}
    )


ECB = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
<Cube><Cube time="2026-11-20"><Cube currency="USD" rate="1.1500"/><Cube currency="GBP" rate="0.8700"/>
<Cube currency="JPY" rate="180.00"/></Cube></Cube>
</gesmes:Envelope>"""


def azure_item(size: str, price: float, region: str = "eastus", **more: Any) -> dict[str, Any]:
    """A row of the Retail Prices interface."""
    item = {
        "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price,
        "armRegionName": region,
        "location": "US East", "effectiveStartDate": "2026-03-01T00:00:00Z", "meterId": f"m-{size}-{region}",
        "meterName": size[9:],
        "productId": "DZH318Z0", "skuId": "DZH318Z0/0001", "productName": "Virtual Machines N Series",
        "skuName": size[9:],
        "serviceName": "Virtual Machines", "serviceId": "DZH313Z7MMC8", "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour", "type": "Consumption", "isPrimaryMeterRegion": True, "armSkuName": size,
    }  # fmt: skip
    return {**item, **more}


AZURE = [
    azure_item("Standard_ND96isr_H100_v5", 98.32),
    azure_item(
        "Standard_ND96isr_H100_v5",
        54.5,
        meterName="ND96isr H100 v5 Spot",
        skuName="ND96isr H100 v5 Spot",
        meterId="m-spot",
    ),
    azure_item(
        "Standard_ND96isr_H100_v5", 120.0, productName="Virtual Machines ND H100 v5 Series Windows", meterId="m-win"
    ),
    azure_item("Standard_ND96isr_H100_v5", 60.0, meterName="ND96isr H100 v5 Low Priority", meterId="m-low"),
    azure_item("Standard_ND96isr_H100_v5", 98.32, type="DevTestConsumption"),
    azure_item("Standard_ND96isr_H100_v5", 525600.0, type="Reservation", reservationTerm="1 Year", meterId="m-res1"),
    azure_item("Standard_ND96isr_H100_v5", 1051200.0, type="Reservation", reservationTerm="3 Years", meterId="m-res3"),
    azure_item("Standard_NV6ads_A10_v5", 0.454),
    azure_item("Standard_NC24ads_A100_v4", 3.673),
    azure_item("Standard_NC24ads_A100_v4", 3.9, region="westeurope"),
    azure_item("Standard_NC24ads_A100_v4", 0.0, region="northeurope"),
    azure_item("Standard_NV999x_v9", 1.14),
]


def azure(asked: Asked) -> Reply:
    """Two pages, the next named by an absolute address of the real host, as the real one does."""
    skip = int(asked.query.get("$skip", ["0"])[0])
    page = AZURE[skip : skip + 8]
    more = f"https://prices.azure.com:443/api/retail/prices?$skip={skip + 8}" if skip + 8 < len(AZURE) else None
    return as_json(
        {
            "BillingCurrency": "USD",
            "CustomerEntityId": "Default",
            "Items": page,
            "NextPageLink": more,
            "Count": len(page),
        }
    )


def scaleway_server(gpu: str, count: int, memory_gib: int, price: float) -> dict[str, Any]:
    return {
        "alt_names": [], "arch": "x86_64", "ncpus": 24 * count, "ram": 257698037760 * count, "gpu": count,
        "gpu_info": {"gpu_manufacturer": "NVIDIA", "gpu_name": gpu, "gpu_memory": memory_gib * 2**30} if count
        else None, "hourly_price": price, "monthly_price": price * 730, "baremetal": False, "end_of_service": False,
        "volumes_constraint": {"min_size": 0, "max_size": 0},
        "per_volume_constraint": {"l_ssd": {"min_size": 1, "max_size": 2}},
    }  # fmt: skip


SCALEWAY = {"servers": {
    "H100-1-80G": scaleway_server("H100-PCIe", 1, 80, 2.73), "H100-2-80G": scaleway_server("H100-PCIe", 2, 80, 5.46),
    "L4-1-24G": scaleway_server("L4", 1, 24, 0.75), "DEV1-S": scaleway_server("", 0, 0, 0.0088)}}  # fmt: skip


def ovh_addon(name: str, model: str, number: int, size: int, price: int, **more: Any) -> dict[str, Any]:
    """An addon of the public catalogue; ``price`` in 10^-8 euro an hour."""
    addon = {
        "planCode": f"{name}.consumption", "invoiceName": name, "product": "publiccloud-instance", "addonFamilies": [],
        "pricings": [{"capacities": ["consumption"], "commitment": 0, "interval": 1, "intervalUnit": "hour",
                      "mode": "default", "price": price, "strategy": "volume", "tax": 0, "type": "consumption"}],
        "configurations": [{"name": "region", "isCustom": False, "isMandatory": True, "values": ["GRA11", "BHS5"]}],
        "blobs": {"commercial": {"brick": "instance", "name": name}, "technical": {
            "cpu": {"cores": 30, "frequency": 3.4}, "memory": {"size": 380},
            "gpu": {"brand": "NVIDIA", "model": model, "number": number,
                    "memory": {"size": size, "interface": "HBM2e"}},
            "storage": {"disks": [{"capacity": 200, "number": 1, "technology": "NVMe"}]}, "os": {"family": "linux"},
            "name": name}},
    }  # fmt: skip
    return {**addon, **more}


OVH: dict[str, Any] = {
    "catalogId": 4242, "locale": {"currencyCode": "EUR", "subsidiary": "FR", "taxRate": 20.0},
    "plans": [{"planCode": "project"}], "addons": [
        ovh_addon("h100-380", "H100", 1, 80, 280000000), ovh_addon("l40s-90", "L40S", 1, 48, 140000000),
        ovh_addon("win-h100-380", "H100", 1, 80, 300000000),
        {**ovh_addon("h100-380", "H100", 1, 80, 204400000000), "planCode": "h100-380.monthly.postpaid"},
        {"planCode": "b2-7.consumption", "pricings": [], "blobs": {"technical": {"cpu": {"cores": 2}}}},
    ],
}  # fmt: skip
AKASH: dict[str, Any] = {"availability": {"total": 500, "available": 120}, "models": [
    {"vendor": "nvidia", "model": "h100", "ram": "80Gi", "interface": "SXM5",
     "availability": {"total": 64, "available": 12},
     "providerAvailability": {"total": 4, "available": 2},
     "price": {"currency": "USD", "min": 1.33, "max": 3.2, "avg": 2.1, "weightedAverage": 2.0, "med": 1.9}},
    {"vendor": "nvidia", "model": "rtx4090", "ram": "24Gi", "interface": "PCIe",
     "availability": {"total": 90, "available": 0},
     "providerAvailability": {"total": 9, "available": 0},
     "price": {"currency": "USD", "min": 0.31, "max": 0.6, "avg": 0.4, "weightedAverage": 0.4, "med": 0.4}},
    {"vendor": "nvidia", "model": "t4", "ram": "16Gi", "interface": "PCIe",
     "availability": {"total": 2, "available": 0}, "providerAvailability": {"total": 1, "available": 0}, "price": None},
]}  # fmt: skip


def lambda_type(name: str, description: str, cents: int, gpus: int, regions: list[str]) -> dict[str, Any]:
    return {"instance_type": {"name": name, "description": description,
        "gpu_description": description.split("x ", 1)[-1], "price_cents_per_hour": cents,
                              "specs": {"vcpus": 26 * gpus, "memory_gib": 225 * gpus, "storage_gib": 2816 * gpus,
                                        "gpus": gpus}},
            "regions_with_capacity_available": [{"name": region, "description": region}
                for region in regions]}  # fmt: skip


LAMBDA: dict[str, Any] = {"data": {
    "gpu_1x_h100_sxm5": lambda_type("gpu_1x_h100_sxm5", "1x H100 (80 GB SXM5)", 329, 1, ["us-west-1", "us-south-1"]),
    "gpu_8x_h100_sxm5": lambda_type("gpu_8x_h100_sxm5", "8x H100 (80 GB SXM5)", 2392, 8, []),
    "gpu_1x_a10": lambda_type("gpu_1x_a10", "1x A10 (24 GB PCIe)", 75, 1, ["us-west-1"])}}  # fmt: skip
SHADEFORM: dict[str, Any] = {"instance_types": [
    {"cloud": "hyperstack", "shade_instance_type": "A100_80G", "cloud_instance_type": "n3-A100x1", "hourly_price": 135,
     "deployment_type": "vm",
     "configuration": {"memory_in_gb": 120, "storage_in_gb": 100, "vcpus": 28, "num_gpus": 1, "gpu_type": "A100_80G",
                       "interconnect": "pcie", "nvlink": False, "vram_per_gpu_in_gb": 80,
                       "os_options": ["ubuntu22.04"]},
     "availability": [{"region": "canada-1", "available": True, "display_name": "Canada"},
                      {"region": "norway-1", "available": False, "display_name": "Norway"}]},
    {"cloud": "massedcompute", "shade_instance_type": "H100_sxm5x8", "cloud_instance_type": "gpu_8x_h100_sxm5",
     "hourly_price": 2000, "deployment_type": "vm",
     "configuration": {"memory_in_gb": 1800, "storage_in_gb": 2000, "vcpus": 200, "num_gpus": 8, "gpu_type": "H100",
                       "interconnect": "sxm5", "nvlink": True, "vram_per_gpu_in_gb": 80, "os_options": []},
     "availability": [{"region": "us-1", "available": True, "display_name": "US"}]},
]}  # fmt: skip
HYPERSTACK_BOOK = [{"id": 1, "name": "H100-80G-PCIe", "value": 1.9, "original_value": 1.9, "discount_applied": False,
                    "start_time": None, "end_time": None},
                   {"id": 2, "name": "H100-80G-PCIe-spot", "value": 1.52, "original_value": 1.52,
                    "discount_applied": False, "start_time": None, "end_time": None},
                   {"id": 3, "name": "L40", "value": 1.0, "original_value": 1.0, "discount_applied": False,
                    "start_time": None, "end_time": None}]  # fmt: skip


def hyperstack_flavour(name: str, gpu: str, count: int, stock: bool) -> dict[str, Any]:
    return {"id": 1, "name": name, "display_name": None, "region_name": "CANADA-1", "cpu": 28 * max(1, count),
            "ram": 180.0, "disk": 100, "ephemeral": 750,
            "gpu": gpu, "gpu_count": count, "stock_available": stock, "created_at": "2024-01-01T00:00:00",
            "labels": []}  # fmt: skip


HYPERSTACK = {"status": True, "message": "Getting flavors successful", "data": [
    {"gpu": "H100-80G-PCIe", "region_name": "CANADA-1", "flavors": [hyperstack_flavour("n3-H100x1", "H100-80G-PCIe", 1,
        True), hyperstack_flavour("n3-H100x8", "H100-80G-PCIe", 8, False)]},
    {"gpu": "H100-80G-PCIe-spot", "region_name": "CANADA-1",
     "flavors": [hyperstack_flavour("n3-H100x1-spot", "H100-80G-PCIe-spot", 1, True)]},
    {"gpu": "", "region_name": "CANADA-1", "flavors": [hyperstack_flavour("n1-cpu-small", "", 0, True)]}]}  # fmt: skip


def prime_item(gpu: str, socket: str, count: int, memory: int, price: float, **more: Any) -> dict[str, Any]:
    return {"cloudId": f"{gpu}-{count}", "gpuType": gpu, "socket": socket, "provider": "runpod",
            "region": "united_states", "dataCenter": "US-KS-2", "country": "US",
            "gpuCount": count, "gpuMemory": memory, "disk": {"minCount": 80, "defaultCount": 80, "maxCount": 1000,
                "pricePerUnit": 0.00013, "step": 1, "defaultIncludedInPrice": False},
            "vcpu": {"minCount": 16, "defaultCount": 16, "maxCount": 16},
            "memory": {"minCount": 188, "defaultCount": 188}, "stockStatus": "High", "security": "secure_cloud",
            "prices": {"onDemand": price, "communityPrice": None, "isVariable": False, "currency": "USD"}, "images": [],
            "isSpot": False, "prepaidTime": None, **more}  # fmt: skip


PRIME = [
    prime_item("H100_80GB", "SXM5", 2, 160, 5.0),
    prime_item("RTX4090_24GB", "PCIe", 1, 24, 0.5, stockStatus="Unavailable"),
    prime_item("A100_80GB", "SXM4", 1, 80, 0.9, isSpot=True),
]


def prime(asked: Asked) -> Reply:
    page, size = int(asked.query["page"][0]), int(asked.query["page_size"][0])
    return as_json({"items": PRIME[(page - 1) * size : page * size], "totalCount": len(PRIME)})


TENSORDOCK = {"data": {"locations": [
    {"id": "loc-1", "city": "Austin", "stateprovince": "Texas", "country": "United States", "tier": 3, "gpus": [
        {"v0Name": "h100-sxm5-80gb", "displayName": "H100 SXM5 80GB", "max_count": 8, "price_per_hr": 2.25,
         "resources": {"max_vcpus": 128},
         "pricing": {"per_vcpu_hr": 0.003, "per_gb_ram_hr": 0.002, "per_gb_storage_hr": 0.00005}},
        {"v0Name": "geforcertx4090-pcie-24gb", "displayName": "GeForce RTX 4090 PCIe 24GB", "max_count": 0,
         "price_per_hr": 0.37, "resources": {}, "pricing": {}}]}]}}  # fmt: skip


def vast_machine(number: int, gpu: str, count: int, ram: int, price: float, place: str = "Texas, US") -> dict[str, Any]:
    return {"id": number, "ask_contract_id": number, "gpu_name": gpu, "num_gpus": count, "gpu_ram": ram,
            "gpu_frac": 1.0, "dph_base": price, "dph_total": price + 0.05, "min_bid": price / 3,
            "storage_cost": 0.15, "inet_up_cost": 0.01, "inet_down_cost": 0.02, "geolocation": place, "rentable": True,
            "reliability2": 0.987,
            "rented": False, "verification": "verified", "cpu_cores_effective": 16.0, "cpu_ram": 64000}  # fmt: skip


VAST = [vast_machine(100 + n, "RTX 4090", 1, 24564, 0.30 + n / 1000) for n in range(70)] + [
    vast_machine(900, "H100 SXM", 8, 81559, 16.0, "Iceland, IS")
]


def vast(asked: Asked) -> Reply:
    """At most 64 machines, those with an id above the asked one."""
    after = json.loads(asked.body)["id"]["gt"]
    return as_json({"offers": [machine for machine in VAST if machine["id"] > after][:64]})


def runpod_type(
    name: str, display: str, memory: int, secure: float | None, community: float | None, **more: Any
) -> dict[str, Any]:
    return {"id": name, "displayName": display, "memoryInGb": memory, "secureCloud": bool(secure),
            "communityCloud": bool(community), "securePrice": secure, "communityPrice": community,
            "oneWeekPrice": None, "oneMonthPrice": None, "threeMonthPrice": None, "sixMonthPrice": None,
            "secureSpotPrice": None, "communitySpotPrice": None,
            "lowestPrice": {"stockStatus": "Low", "minimumBidPrice": 0.01}, **more}  # fmt: skip


RUNPOD: dict[str, Any] = {"data": {"gpuTypes": [
    runpod_type("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 2.69, 2.39, oneMonthPrice=2.3, threeMonthPrice=2.2),
    runpod_type("NVIDIA GeForce RTX 4090", "RTX 4090", 24, 0.69, 0.34, communityCloud=False),
    runpod_type("NVIDIA L40S", "L40S", 48, 0.86, None, lowestPrice={"stockStatus": None}),
    runpod_type("unknown", "unknown", 0, None, None)]}}  # fmt: skip


def verda_type(kind: str, model: str, count: int, memory: int, price: str, spot: str) -> dict[str, Any]:
    return {"id": kind, "instance_type": kind, "price_per_hour": price, "spot_price": spot, "model": model,
            "description": "Dedicated", "currency": "usd", "cpu": {"description": "30 CPU", "number_of_cores": 30},
            "gpu": {"description": f"{count}x {model}", "number_of_gpus": count},
            "gpu_memory": {"description": "GPU RAM", "size_in_gigabytes": memory},
            "memory": {"description": "RAM", "size_in_gigabytes": 120},
            "storage": {"description": "dynamic"}}  # fmt: skip


VERDA = [
    verda_type("1H100.80S.30V", "H100 SXM5", 1, 80, "2.29", "0.80"),
    verda_type("8H100.80S.176V", "H100 SXM5", 8, 640, "18.32", "6.40"),
    verda_type("CPU.4V", "", 0, 0, "0.03", "0.01"),
]
VULTR: dict[str, Any] = {"plans": [
    {"id": "vcg-a16-2c-8g-2vram", "vcpu_count": 2, "ram": 8192, "disk": 50, "disk_count": 1, "bandwidth": 2048,
     "monthly_cost": 43, "hourly_cost": 0.059, "type": "vcg", "locations": ["ewr", "fra"], "gpu_vram_gb": 2,
     "gpu_type": "NVIDIA_A16"},
    {"id": "vcg-l40s-16c-180g-48vram", "vcpu_count": 16, "ram": 184320, "disk": 1200, "disk_count": 1,
     "bandwidth": 10240, "monthly_cost": 1222, "hourly_cost": 1.671, "type": "vcg", "locations": ["ord"],
     "gpu_vram_gb": 48, "gpu_type": "NVIDIA_L40S"},
    {"id": "vcg-l40s-free", "vcpu_count": 16, "ram": 184320, "disk": 1200, "disk_count": 1, "bandwidth": 0,
     "monthly_cost": 0, "hourly_cost": 0, "type": "vcg", "locations": ["ord"], "gpu_vram_gb": 48,
     "gpu_type": "NVIDIA_L40S"},
    {"id": "vc2-1c-1gb", "vcpu_count": 1, "ram": 1024, "disk": 25, "monthly_cost": 5, "hourly_cost": 0.007,
     "type": "vc2", "locations": ["ewr"]}],
    "meta": {"total": 4, "links": {"next": "", "prev": ""}}}  # fmt: skip
GPUHUNT_COLUMNS = (
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
    "gpu_vendor",
    "flags",
    "cpu_arch",
    "provider_data",
)
GPUHUNT: dict[str, list[tuple[Any, ...]]] = {
    "aws": [("p5.48xlarge", "us-east-1", 55.04, 192, 2048.0, 8, "H100", 80.0, False, "", "nvidia", "", "x86", "{}"),
            ("p5.48xlarge", "us-east-1", 20.5, 192, 2048.0, 8, "H100", 80.0, True, "", "nvidia", "", "x86", "{}"),
            ("g6.xlarge", "eu-west-1", 0.9, 4, 16.0, 1, "L4", 24.0, False, "", "nvidia", "", "x86", "{}"),
            ("m7i.large", "us-east-1", 0.1, 2, 8.0, 0, "", "", False, "", "", "", "x86", "{}")],
    "gcp": [("a3-highgpu-8g", "us-central1", 88.49, 208, 1872.0, 8, "H100", 80.0, False, "", "nvidia", "", "x86", "{}"),
            ("a3-ultragpu-8g", "us-central1", 30.0, 208, 1872.0, 8, "H200", 141.0, False, "", "nvidia",
             "gcp-dws-calendar-mode", "x86", "{}")],
    "oci": [("BM.GPU.H100.8", "us-ashburn-1", 80.0, 112, 2048.0, 8, "H100", 80.0, False, "", "nvidia", "", "x86",
             "{}")],
    "nebius": [("gpu-h200-sxm 1gpu-16vcpu-200gb", "eu-north1", 3.5, 16, 200.0, 1, "H200", 141.0, False, "", "nvidia",
                "", "x86", "{}")],
    "cloudrift": [("rtx49-7c-kn.1", "us-east-nc-nr-1", 0.39, 7, 50.0, 1, "RTX4090", 24.0, False, "", "nvidia", "",
                   "x86", "{}")],
    "lambdalabs": [("gpu_1x_h100_sxm5", "us-west-1", 3.29, 26, 225.0, 1, "H100", 80.0, False, "", "nvidia", "", "x86",
                    "{}")],
    "runpod": [("NVIDIA L4", "US", 0.44, 4, 20.0, 1, "L4", 24.0, False, "", "nvidia", "", "x86", "{}")],
    "verda": [("1L40S.20V", "FIN-01", 1.1, 20, 60.0, 1, "L40S", 48.0, False, "", "nvidia", "", "x86", "{}")],
    "azure": [("Standard_NC4as_T4_v3", "eastus", 0.526, 4, 28.0, 1, "T4", 16.0, False, "", "nvidia", "", "x86", "{}")],
}  # fmt: skip


def catalogue_zip(name: str, rows: list[tuple[Any, ...]]) -> bytes:
    """A published catalogue: one CSV in an archive."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(GPUHUNT_COLUMNS)
    writer.writerows(rows)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", text.getvalue())
    return packed.getvalue()


def gpuhunt(asked: Asked) -> Reply:
    _, _, name, *rest = asked.path.split("/")
    if rest == ["version"]:
        today = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%d-1\n")
        return Reply(today.encode(), headers={"content-type": "text/plain"})
    return Reply(catalogue_zip(name, GPUHUNT[name]), headers={"content-type": "application/zip"})


LIUM = {"nodes": [
    {"id": "node-1", "gpu_model": "NVIDIA GeForce RTX 4090", "gpu_count": 2, "available_gpu_count": 2,
     "min_rentable_gpu_count": 1, "price_per_gpu_hour": 0.32,
     "gpu_memory_gb": 24, "cpu_count": 32, "ram_gb": 128, "disk_free_gb": 900, "country_code": "US", "region": "Texas",
     "tier": "standard", "rent_url": "https://lium.io/pods/node-1"}]}  # fmt: skip


def feed_offer(provider: str, key: str | None, raw: str, total: float, count: int = 1, **more: Any) -> dict[str, Any]:
    """An offer of gpu-price-feed's ``data/prices.json``."""
    return {
        "available": None, "currency": "USD", "gpu_count": count, "gpu_family": "H100", "gpu_form": "SXM",
        "gpu_form_source": "provider", "gpu_key": key, "gpu_model_raw": raw, "gpu_partition": None,
        "gpu_recognised": key is not None, "listing_url": "https://example.com/", "notes": "",
        "price_per_gpu_hr": total / count, "price_per_gpu_hr_usd": total / count, "price_total_hr": total,
        "price_total_hr_usd": total, "pricing_type": "on-demand", "provider": provider, "ram_gb": 200, "region": None,
        "vcpu": 26, "vram_gb": 80, **more,
    }  # fmt: skip


def price_feed(_: Asked) -> Reply:
    now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
    return as_json({"collected_at": now, "fx": {"eur_usd": 1.17}, "offer_count": 6, "offers": [
        feed_offer("akamai", "RTX 4000 Ada 20GB", "RTX4000 Ada", 2.08, 4, region="us-ord",
                   notes="plan g2-gpu-rtx4000a4-s"),
        feed_offer("lambdalabs", "A100 40GB PCIe", "NVIDIA A100 PCIe", 3.98, 2),
        feed_offer("runpod", "H100 80GB SXM", "NVIDIA H100 80GB HBM3", 2.69, notes="community cloud; stock Low",
                   available=True),
        feed_offer("runpod", "RTX PRO 6000 Blackwell 24GB Server MIG", "RTX PRO 6000 MIG 1g.24gb", 0.59,
                   notes="secure cloud; stock High", vram_gb=24),
        feed_offer("scaleway", "L40S 48GB", "L40S", 1.4, currency="EUR", region="fr-par-2", vram_gb=48),
        feed_offer("vastai", None, "Z9000", 0.4),
    ]})  # fmt: skip


def sky_row(machine: str, gpu: str, count: str, mib: int, price: str, spot: str, region: str, zone: str = "") -> str:
    info = {"Gpus": [{"Name": gpu, "Manufacturer": "NVIDIA", "Count": 1, "MemoryInfo": {"SizeInMiB": mib}}],
            "TotalGpuMemoryInMiB": mib}  # fmt: skip
    return f'{machine},{gpu},{count},96,1152,{price},{spot},{region},"{info if gpu else ""}",{zone}\n'


SKYPILOT = {
    "aws": [
        sky_row("p4d.24xlarge", "A100", "8", 40960, "21.9576", "9.1", "us-east-1", "us-east-1a"),
        sky_row("p4d.24xlarge", "A100", "8", 40960, "21.9576", "8.4", "us-east-1", "us-east-1b"),
        sky_row("g6f.xlarge", "L4", "0.125", 3072, "0.24", "", "us-east-1", "us-east-1a"),
        sky_row("m5.large", "", "", 0, "0.096", "0.04", "us-east-1", "us-east-1a"),
    ],
    "hyperbolic": [
        sky_row("1x-H100-28-271", "H100", "1", 81559, "1.39", "", "default"),
        sky_row("2x-RTX4090-21-90", "RTX4090", "2", 24564, "0.5", "", "default"),
    ],
    "mithril": [sky_row("old", "H100", "8", 81559, "8.0", "", "us")],
    "cudo": [sky_row("x", "Z9000", "1", 1024, "", "", "us")],
}
SKY_HEAD = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,GpuInfo,AvailabilityZone\n"
)


def github(asked: Asked) -> Reply:
    """The two addresses of GitHub's interface that are asked: when a file last changed, and the file."""
    path = asked.query.get("path", [asked.path])[0]
    cloud = path.split("/")[-2]
    if cloud not in SKYPILOT:
        return as_json({"message": "Not Found"}, 404)
    if asked.path.endswith("/commits"):
        days = 40 if cloud == "mithril" else 0
        at = datetime.fromtimestamp(time.time() - days * 86400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return as_json([{"sha": "0" * 40, "commit": {"committer": {"name": "bot", "date": at}}}])
    return Reply(
        (SKY_HEAD + "".join(SKYPILOT[cloud])).encode(), 200, {"content-type": "application/vnd.github.raw+json"}
    )


def hub_row(provider: str, machine: str, gpu: str, count: int, price: float, hours_ago: float = 1, **more: Any) -> Any:
    """A row of the dataset ``afhubbard/gpu-prices``, as the Hub's dataset viewer hands it out."""
    at = datetime.fromtimestamp(time.time() - hours_ago * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {"timestamp": at, "provider": provider, "instance_type": machine, "gpu_type": gpu, "gpu_count": count,
           "gpu_memory_gb": 80, "vcpus": 96, "ram_gb": 1152.0, "region": "us-east-1", "price_per_hour": price,
           "is_spot": False, "available": True, "quality": "ok", **more}  # fmt: skip
    return {"row_idx": 0, "row": row, "truncated_cells": []}


def hub_rows() -> list[Any]:
    return [
        *(hub_row("tensordock", f"h100-{n}", "H100", 1, 2.2 + n / 100, region="") for n in range(104)),
        hub_row("cudo", "epyc-h100", "H100", 8, 16.0, region="se-smedjebacken-1"),
        hub_row("cudo", "epyc-h100", "H100", 8, 17.0, 20, region="se-smedjebacken-1"),
        hub_row("cudo", "old", "A100", 8, 9.0, quality="stale"),
        hub_row("aws", "p4d.24xlarge", "A100", 8, 9.1, is_spot=True, gpu_memory_gb=40),
    ]


def dataset_viewer(asked: Asked) -> Reply:
    offset, length = int(asked.query["offset"][0]), int(asked.query["length"][0])
    rows = hub_rows()
    return as_json({"features": [], "rows": rows[offset : offset + length], "num_rows_total": len(rows),
                    "num_rows_per_page": 100, "partial": False})  # fmt: skip


def linode_plan(plan: str, label: str, gpus: int, hourly: float, **more: Any) -> dict[str, Any]:
    return {"id": plan, "label": label, "class": "gpu" if gpus else "standard", "vcpus": 8, "memory": 16384,
            "disk": 524288, "transfer": 5000, "network_out": 5000, "gpus": gpus, "accelerated_devices": 0,
            "price": {"hourly": hourly, "monthly": hourly * 730}, "region_prices": [], "addons": {},
            "successor": None, **more}  # fmt: skip


LINODE = [
    linode_plan("g6-standard-2", "Linode 4GB", 0, 0.036),
    linode_plan("g2-gpu-rtx4000a1-s", "RTX4000 Ada x1 Small", 1, 0.52,
                region_prices=[{"id": "id-cgk", "hourly": 0.63, "monthly": 420.0}]),
    linode_plan("g1-gpu-rtx6000-2", "Dedicated 64GB + RTX6000 GPU x2", 2, 3.0),
    linode_plan("g3-gpu-rtxpro6000-blackwell-1", "RTX PRO 6000 Blackwell x1", 1, 0.0),
]  # fmt: skip


def linode(asked: Asked) -> Reply:
    """Two plans a page, so that there are two."""
    page = int(asked.query["page"][0])
    rows = LINODE[(page - 1) * 2 : page * 2]
    return as_json({"data": rows, "page": page, "pages": 2, "results": len(LINODE)})


def droplet_size(slug: str, model: str | None, count: int, vram: int, price: float, **more: Any) -> dict[str, Any]:
    gpu = {"count": count, "vram": {"amount": vram, "unit": "gib"}, "model": model}
    return {"slug": slug, "memory": 245760, "vcpus": 20, "disk": 720, "transfer": 15.0, "price_monthly": price * 730,
            "price_hourly": price, "regions": ["nyc2", "ams3"], "available": True, "description": "GPU",
            "disk_info": [{"type": "boot", "size": {"amount": 720, "unit": "gib"}},
                          {"type": "scratch", "size": {"amount": 5120, "unit": "gib"}}],
            **({"gpu_info": gpu} if model else {}), **more}  # fmt: skip


DROPLETS = {"sizes": [
    droplet_size("s-1vcpu-1gb", None, 0, 0, 0.00893),
    droplet_size("gpu-h100x1-80gb", "nvidia_h100", 1, 80, 4.41),
    droplet_size("gpu-h100x8-640gb", "nvidia_h100", 8, 640, 31.92, regions=[]),
    droplet_size("gpu-6000adax1-48gb", "nvidia_rtx6000_ada", 1, 48, 1.57, regions=["tor1"]),
    droplet_size("gpu-mi300x8-1536gb", "amd_mi300x", 8, 1536, 15.92, regions=["atl1"], available=False),
], "links": {}, "meta": {"total": 5}}  # fmt: skip

HOT_AISLE = [{"OnDemandPrice": 199, "HourlyPrice": 199, "Specs": {
    "cpu_cores": 13, "cpus": {"count": 1, "manufacturer": "Intel", "model": "Xeon Platinum 8470"},
    "disk_capacity": 13194139533312, "ram_capacity": 240518168576,
    "gpus": [{"count": 1, "manufacturer": "AMD", "model": "MI300X"}]}}]  # fmt: skip


def hyperbolic_machine(name: str, model: str, ram: int, cents: int, free: int, status: str = "node_ready") -> Any:
    return {"id": name, "status": status, "cluster_name": "alpha", "supplier_id": "s", "gpus_total": 8,
            "gpus_reserved": 8 - free, "reserved": False, "location": {"region": "us-central-1"},
            "hardware": {"cpus": [{"model": "EPYC", "virtual_cores": 256}],
                         "gpus": [{"model": model, "ram": ram, "interface": "PCIeX16"}],
                         "storage": [{"capacity": 2000}], "ram": [{"capacity": 1000}]},
            "pricing": {"price": {"amount": cents, "period": "hourly", "agent": "platform"}}}  # fmt: skip


HYPERBOLIC = {"instances": [
    hyperbolic_machine("a", "NVIDIA-H100-80GB-HBM3", 81559, 149, 3),
    hyperbolic_machine("b", "NVIDIA-H100-80GB-HBM3", 81559, 139, 2),
    hyperbolic_machine("c", "NVIDIA-GeForce-RTX-4090", 24564, 35, 0),
    hyperbolic_machine("d", "NVIDIA-GeForce-RTX-4090", 24564, 20, 4, "offline"),
]}  # fmt: skip


def cudo_type(machine: str, gpu: str, price: str, free: int, centre: str = "gb-bournemouth-1") -> dict[str, Any]:
    return {"dataCenterId": centre, "machineType": machine, "gpuModel": gpu, "gpuModelId": gpu and f"nvidia-{gpu}",
            "minVcpuPerGpu": 2, "maxVcpuPerGpu": 24, "totalGpuFree": free, "maxGpuFree": free, "maxVcpuFree": 96,
            "vcpuPriceHr": {"value": "0.0024"}, "memoryGibPriceHr": {"value": "0.0034"},
            "gpuPriceHr": {"value": price}, "minStorageGibPriceHr": {"value": "0.0001"},
            "ipv4PriceHr": {"value": "0.0034"}, "renewableEnergy": True}  # fmt: skip


CUDO = {"machineTypes": [
    cudo_type("epyc-genoa", "", "0", 0), cudo_type("epyc-genoa-l40s", "L40S (compute mode)", "0.87", 4),
    cudo_type("sapphire-rapids-h100", "H100 SXM", "1.8", 0, "us-santaclara-1"),
]}  # fmt: skip

EXOSCALE = {"usd": {"running_medium": "0.05", "running_gpu3_small": "1.03", "running_gpu3_medium": "1.9",
                    "running_gpua5000_small": "0.74", "volume": "0.00014"}, "eur": {}, "chf": {}}  # fmt: skip


def novita_product(name: str, price: str, spot: str, *regions: str, free: bool = True) -> dict[str, Any]:
    return {"id": name.casefold().replace(" ", "-"), "name": name, "price": price, "spotPrice": spot,
            "regions": list(regions), "availableDeploy": free, "cpuPerGpu": 16, "memoryPerGpu": 128,
            "diskPerGpu": 60}  # fmt: skip


NOVITA = {"data": [
    novita_product("RTX 4090 24GB", "67000", "34000", "US-CA-06 (California)", "EU-GER-01 (Germany)"),
    novita_product("H100 SXM 80GB", "339000", "0", free=False),
    novita_product("RTX 5090 32GB (High frequency)", "69000", ""),
]}  # fmt: skip


def telekom_row(flavour: str, os: str, amount: str, region: str = "eu-de") -> dict[str, Any]:
    return {"id": f"OTC_{flavour}", "opiFlavour": flavour, "osUnit": os, "priceAmount": amount, "currency": "EUR",
            "region": region, "vCpu": "8", "ram": "64 GB", "productName": f"GPU {flavour}"}  # fmt: skip


TELEKOM = {"response": {"stats": {"count": 5}, "result": {"ecs": [
    telekom_row("s3.medium.1", "Open Linux", "0.051175 EUR"),
    telekom_row("p2s.2xlarge.8", "Open Linux", "2.610000 EUR"),
    telekom_row("p2s.2xlarge.8", "Windows", "3.010000 EUR"), telekom_row("g9.new.4", "Open Linux", "9.000000 EUR"),
    telekom_row("pi2.4xlarge.4", "Open Linux", "1.400000 EUR", "eu-nl"),
]}}}  # fmt: skip

KARPENTER_AWS = """// generated at {made} for us-east-1
var InitialOnDemandPricesAWS = map[string]map[ec2types.InstanceType]float64{{
\t// us-east-1
\t"us-east-1": {{
\t\t// m5 family
\t\t"m5.large": 0.096000, "m5.xlarge": 0.192000,
\t\t// g6 family
\t\t"g6.xlarge": 0.804800, "g6f.xlarge": 0.237500,
\t\t"p5.48xlarge": 55.040000,
\t}},
}}
"""
KARPENTER_AZURE = """// generated at {made}
var initialOnDemandPrices = map[string]map[string]float64{{}}
func init() {{
\t// westeurope
\tinitialOnDemandPrices["westeurope"] = map[string]float64{{
\t\t"Standard_D2s_v5":            0.115000,
\t\t"Standard_NC24ads_A100_v4":   4.775000,
\t}}
}}
"""
KARPENTER_GCP = {"prices": {"europe-west4": {
    "on_demand": {"a3-highgpu-1g": 12.79, "g2-standard-4": 0.778577, "n2-standard-2": 0.1069},
    "spot": {"a3-highgpu-1g": 3.9, "g2-standard-4": 0.3}}}}  # fmt: skip


def karpenter(asked: Asked) -> Reply:
    """GitHub's two addresses for the lists of Karpenter's providers."""
    made = datetime.fromtimestamp(time.time() - 3 * 86400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if asked.path.endswith("/commits"):
        return as_json([{"sha": "0" * 40, "commit": {"committer": {"name": "bot", "date": made}}}])
    if "provider-gcp" in asked.path:
        return as_json(KARPENTER_GCP)
    return Reply((KARPENTER_AWS if "provider-aws" in asked.path else KARPENTER_AZURE).format(made=made).encode())


ADVISOR = {
    "instance_types": {"p4d.24xlarge": {"emr": False, "cores": 96, "ram_gb": 1152.0}},
    "ranges": [{"index": 0, "label": "<5%", "dots": 0, "max": 5}, {"index": 1, "label": "5-10%", "dots": 1, "max": 11},
               {"index": 4, "label": ">20%", "dots": 4, "max": 100}],
    "spot_advisor": {"us-east-1": {"Linux": {"p4d.24xlarge": {"s": 60, "r": 4}, "m5.large": {"s": 50, "r": 0}},
                                   "Windows": {"p4d.24xlarge": {"s": 60, "r": 0}}},
                     "eu-west-1": {"Linux": {"g6.xlarge": {"s": 55, "r": 1}, "g6e.xlarge": {"s": 55, "r": 9}}}},
    "global_rate": "<10%",
}  # fmt: skip


def lake_row(kind: str, region: str, score: float, zone: str = "1") -> dict[str, Any]:
    return {"id": 1, "InstanceTier": "Standard", "InstanceType": kind, "Region": region, "OndemandPrice": 3.673,
            "SpotPrice": 1.1, "Savings": 70.0, "IF": score, "DesiredCount": 1, "AvailabilityZone": zone,
            "Score": "High", "SPS_Update_Time": "2026-11-28 00:00:00"}  # fmt: skip


SPOT_LAKE = [lake_row("Nc24ads_a100_v4", "eastus", 2.5), lake_row("Nc24ads_a100_v4", "eastus", 1.0, "2"),
             lake_row("D2s_v5", "eastus", 3.0), lake_row("Nc24ads_a100_v4", "westus", -1.0)]  # fmt: skip


GOOD: dict[str, Any] = {
    "/spot-advisor-data.json": ADVISOR,
    "/latest_azure.json": Reply(json.dumps(SPOT_LAKE).encode()),
    "/v4/linode/types": linode,
    "/v2/sizes": DROPLETS,
    "/api/teams/acme/virtual_machines/available/": HOT_AISLE,
    "/api/teams/acme/bare_metal/available/": Reply(b"null", headers={"content-type": "application/json"}),
    "/v1/marketplace": HYPERBOLIC,
    "/v1/vms/machine-types-2": CUDO,
    "/api/pricing/opencompute": EXOSCALE,
    "/gpu-instance/openapi/v1/products": NOVITA,
    "/en/open-telekom-price-api/": TELEKOM,
    "/repos/aws/*": karpenter,
    "/repos/Azure/*": karpenter,
    "/repos/cloudpilot-ai/*": karpenter,
    "/filter": dataset_viewer,
    "/toolshedlabs-hash/gpu-price-feed/main/data/prices.json": price_feed,
    "/repos/*": github,
    "/api/public/v1/nodes": LIUM,
    "/stats/eurofxref/eurofxref-daily.xml": Reply(ECB.encode(), headers={"content-type": "text/xml"}),
    "/api/retail/prices": azure,
    **{f"/instance/v1/zones/{zone}/products/servers": SCALEWAY for zone in ("fr-par-2", "pl-waw-2")},
    "/instance/v1/zones/fr-par-2/products/servers/availability": {
        "servers": {"H100-1-80G": {"availability": "available"}, "H100-2-80G": {"availability": "shortage"}}
    },
    "/1.0/order/catalog/public/cloud": OVH,
    "/v1/gpu-prices": AKASH,
    "/api/v1/instance-types": LAMBDA,
    "/v1/instances/types": SHADEFORM,
    "/v1/pricebook": HYPERSTACK_BOOK,
    "/v1/core/flavors": HYPERSTACK,
    "/api/v1/availability/gpus": prime,
    "/api/v2/locations": TENSORDOCK,
    "/api/v0/bundles/": vast,
    "/graphql": RUNPOD,
    "/v1/instance-types": VERDA,
    "/v2/plans": VULTR,
    "/v3/*": gpuhunt,
}  # fmt: skip
