"""Fake clouds for the benchmark of a refresh, in a process of their own: answers in their real shapes, but larger."""

import copy
import random
import time
from collections.abc import Callable
from typing import Any

from app.pricing.sources.machines import azure_sizes
from tests import fake_clouds

GPUS = (
    ("H100", 80, 25.0),
    ("A100", 80, 12.0),
    ("L4", 24, 0.8),
    ("L40S", 48, 1.9),
    ("A10G", 24, 1.2),
    ("H200", 141, 30.0),
)


Price = Callable[[float], float]
"""A price near the usual one."""


def large_clouds() -> None:
    """Serve large answers of every source until the process is ended; prints the port."""
    server = fake_clouds.Clouds()
    server.answers.update(fake_clouds.GOOD)
    dice = random.Random(7)

    def price(usual: float) -> float:
        return round(usual * dice.uniform(0.8, 1.3), 4)

    server.answers |= {"/v3/*": _gpuhunt(price), "/api/retail/prices": _azure(price)}
    _fill_skypilot(price)
    server.answers |= _lists(price) | _named(price)
    print(server.port, flush=True)
    time.sleep(10_000)


def _gpuhunt(price: Price) -> Callable[[fake_clouds.Asked], fake_clouds.Reply]:
    rows = {
        name: [(f"{name}-{n}", f"region-{n % 40}", price(GPUS[n % 6][2]), 8, 64.0, 1, GPUS[n % 6][0],
                float(GPUS[n % 6][1]), n % 3 == 0, "", "nvidia", "", "x86", "{}") for n in range(count)]
        for name, count in (("aws", 9000), ("gcp", 7000), ("oci", 4000), ("nebius", 5000), ("cloudrift", 1000))
    }  # fmt: skip
    packed = {
        name: fake_clouds.catalogue_zip(name, rows.get(name, []))
        for name in ("aws", "gcp", "oci", "nebius", "cloudrift", "lambdalabs", "runpod", "verda", "azure")
    }

    def gpuhunt(asked: fake_clouds.Asked) -> fake_clouds.Reply:
        name = asked.path.split("/")[2]
        return fake_clouds.Reply(b"v1") if asked.path.endswith("version") else fake_clouds.Reply(packed[name])

    return gpuhunt


def _azure(price: Price) -> Callable[[fake_clouds.Asked], fake_clouds.Reply]:
    sizes = list(azure_sizes())
    azure = [
        fake_clouds.azure_item(size, price(3.6 * 8), region=f"region-{n}", meterId=f"{size}-{n}-{tier}",
                               meterName=f"x {tier}")
        for size in sizes for n in range(60) for tier in ("", "Spot", "Low")
    ][:9000]  # fmt: skip
    return lambda asked: _page(azure, asked)


def _fill_skypilot(price: Price) -> None:
    lists = {
        cloud: [fake_clouds.sky_row(f"{cloud}-{n}", "H100", "8", 81559, str(price(20)), "", f"region-{n}")
                for n in range(500)]
        for cloud in ("hyperbolic", "jarvislabs", "lium", "mithril", "primeintellect", "seeweb", "spheron",
                      "hyperstack")
    }  # fmt: skip
    fake_clouds.SKYPILOT.clear()
    fake_clouds.SKYPILOT.update(lists)


def _lists(price: Price) -> dict[str, Any]:
    """The clouds that answer a list of machines."""
    return {
        "/v1/vms/machine-types-2": {"machineTypes": [
            fake_clouds.cudo_type(f"m{n}", "H100 SXM", str(price(2)), 4, f"centre-{n % 40}") for n in range(2000)]},
        "/v2/sizes": {"sizes": [fake_clouds.droplet_size(f"gpu-{n}", "nvidia_h100", 1, 80, price(4.4))
                                for n in range(1000)]},
        "/v1/instance-types": [fake_clouds.verda_type(f"T{n}", "H100 SXM5", 1, 80, str(price(2.2)), str(price(0.9)))
                               for n in range(2000)],
        "/v2/plans": {"plans": [{**fake_clouds.VULTR["plans"][1], "id": f"p{n}", "hourly_cost": price(1.6)}
                                for n in range(3000)], "meta": {}},
        "/graphql": {"data": {"gpuTypes": [fake_clouds.runpod_type(f"type {n}", "L40S", 48, price(0.9), price(0.7))
                                           for n in range(1500)]}},
        "/api/v2/locations": {"data": {"locations": [
            {"city": f"c{n}", "country": "US", "gpus": [{"displayName": "H100 SXM5 80GB", "v0Name": "h",
                                                         "max_count": 1, "price_per_hr": price(2.2)}]}
            for n in range(2000)]}},
    }  # fmt: skip


def _named(price: Price) -> dict[str, Any]:
    """The clouds whose machines have keys or belong to a larger answer."""
    shade = copy.deepcopy(fake_clouds.SHADEFORM["instance_types"][0])
    ovh = [fake_clouds.ovh_addon(f"h100-{n}", "H100", 1, 80, int(price(2.8) * 10**8)) for n in range(2000)]
    return {
        "/api/v1/instance-types": {"data": {
            f"g{n}": fake_clouds.lambda_type(f"g{n}", "1x H100 (80 GB SXM5)", int(price(300)), 1, ["us-west-1"])
            for n in range(3000)}},
        "/v1/instances/types": {"instance_types": [
            {**shade, "cloud_instance_type": f"n{n}", "hourly_price": int(price(135))} for n in range(2000)]},
        "/1.0/order/catalog/public/cloud": {**fake_clouds.OVH, "addons": ovh},
    }  # fmt: skip


def _page(rows: list[dict[str, Any]], asked: fake_clouds.Asked) -> fake_clouds.Reply:
    skip = int(asked.query.get("$skip", ["0"])[0])
    more = f"https://prices.azure.com/api/retail/prices?$skip={skip + 1000}" if skip + 1000 < len(rows) else None
    return fake_clouds.as_json({"Items": rows[skip : skip + 1000], "NextPageLink": more})
