"""The files of deploy/cluster against the code: every variable, command, path and port in them is one that exists."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app.cli.main import COMMANDS
from app.core.settings import SETTINGS, Settings, load
from app.core.shared_queue import IN_MEMORY_ONLY, on_its_disk
from app.site import routes
from app.telemetry.nodes import Node
from app.web.request_target import ELSEWHERE
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "cluster"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
KUBERNETES: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))
SECRETS = {"POSTGRES_PASSWORD": "p", "PURGE_TOKEN": "t"}
SECRET_OF_KUBERNETES = {"INFERENCEBENCH_DATABASE_URL": "postgres://user:secret@postgres:5432/inferencebench",
                        "INFERENCEBENCH_EDGE_PURGE_TOKEN": "Bearer secret"}  # fmt: skip
READ_ONLY = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "user": "10001:10001"}


def named(kind: str, name: str) -> dict[str, Any]:
    return next(one for one in KUBERNETES if (one["kind"], one["metadata"]["name"]) == (kind, name))


def of_compose() -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Name, command and environment of each node of ours."""
    for name, service in COMPOSE["services"].items():
        if service.get("image") == "inferencebench":
            values = {key: re.sub(r"\$\{(\w+):\?\}", lambda m: SECRETS[m[1]], str(value))
                      for key, value in service["environment"].items()}  # fmt: skip
            yield name, service["command"], values


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and container of each workload of Kubernetes."""
    for one in KUBERNETES:
        if one["kind"] in ("StatefulSet", "Deployment"):
            for container in one["spec"]["template"]["spec"]["containers"]:
                yield one["metadata"]["name"], container


def of_kubernetes() -> Iterator[tuple[str, list[str], dict[str, str]]]:
    shared = named("ConfigMap", "inferencebench")["data"]
    for name, container in containers():
        if container["name"] == "inferencebench":
            own = {one["name"]: one.get("value", f"{name}-0") for one in container["env"]}
            yield name, container["command"], {**shared, **SECRET_OF_KUBERNETES, **own}


NODES = [*(("compose", *one) for one in of_compose()), *(("kubernetes", *one) for one in of_kubernetes())]


@pytest.mark.parametrize(("where", "name", "command", "environment"), NODES, ids=[f"{n[0]}-{n[1]}" for n in NODES])
def test_a_nodes_settings_and_command_are_ones_that_the_software_takes(
    where: str, name: str, command: list[str], environment: dict[str, str]
) -> None:
    settings: Settings = load(environment)  # refuses a name that is none and a value that is wrong
    assert command[0] == "inferencebench"
    assert command[1] in {words[0] for words in COMMANDS}
    part = "records" if name == "records" else "worker" if name == "worker" else "web"
    assert (command[1], settings.role) == {"records": ("up", "records"), "worker": ("work", "web"),
                                           "web": ("serve", "web")}[part]  # fmt: skip
    assert settings.metrics_port
    assert settings.trusted_proxies, "or every visitor would have the edge's address"
    assert settings.edge_purge_url
    assert settings.edge_purge_token.startswith("Bearer ")
    assert settings.node
    assert settings.database_url.startswith("postgres://")


def test_one_records_node_and_two_web_nodes_each_with_a_folder_of_its_own() -> None:
    roles = [environment["INFERENCEBENCH_ROLE"] for _, _, environment in of_compose()]
    assert roles.count("records") == 1
    assert named("StatefulSet", "records")["spec"]["replicas"] == 1
    assert named("StatefulSet", "web")["spec"]["replicas"] == 2
    volumes = [
        service["volumes"] for service in COMPOSE["services"].values() if service.get("image") == "inferencebench"
    ]
    assert len({str(one) for one in volumes}) == len(volumes)
    assert {one[0].split(":")[0] for one in volumes} | {"postgres"} == set(COMPOSE["volumes"])
    kept = named("StatefulSet", "records")["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert set(kept.values()) == {"Retain"}, "the journal of erasures outlives the pod"


def test_every_container_has_no_privilege_and_writes_to_its_data_only() -> None:
    for service in COMPOSE["services"].values():
        if service.get("image") == "inferencebench":
            assert {key: service[key] for key in READ_ONLY} == READ_ONLY
    for name, container in containers():
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name


def test_probes_ask_addresses_and_ports_that_exist() -> None:
    known = {path for handler in routes.HANDLERS for path in handler.paths}
    for name, container in containers():
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        if container["name"] != "inferencebench":
            continue
        assert ports["metrics"] == int(named("ConfigMap", "inferencebench")["data"]["INFERENCEBENCH_METRICS_PORT"])
        probes = {key: value for key, value in container.items() if key.endswith("Probe")}
        assert bool(probes) == (name != "worker"), "a worker serves no pages"
        for probe in probes.values():
            assert probe["httpGet"]["path"] in known
            assert probe["httpGet"]["port"] in ports
        if probes:
            assert ports["http"] == int(next(one.default for one in SETTINGS if one.name == "PORT"))
            assert probes["readinessProbe"]["httpGet"]["path"] == "/healthz", "pages are served while it is away"
            assert probes["livenessProbe"]["httpGet"]["path"] == "/healthz", "a database that is away ends no process"


def test_reports_are_led_to_the_records_node_and_nothing_else_is() -> None:
    rules = named("Ingress", "inferencebench")["spec"]["rules"][0]["http"]["paths"]
    to = {rule["path"]: rule["backend"]["service"]["name"] for rule in rules}
    assert to == {**dict.fromkeys(routes.RECORDS, "records"), "/": "web"}
    vcl = (FOLDER / "varnish.vcl").read_text()
    patterns = set(re.findall(r'req\.url !?~ "([^"]+)"', vcl))
    (pattern,) = patterns
    for path in routes.RECORDS:
        for more in ("", "/", "/price", "?a=b"):
            assert re.search(pattern, path + more)
    for path in ("/", "/submitted", "/prices?q=/submit", "/submission", "/submissionsx"):
        assert not re.search(pattern, path)
    assert ELSEWHERE
    hosts = set(re.findall(r'\.host = "([^"]+)"', vcl))
    assert hosts <= set(COMPOSE["services"])


def test_services_lead_to_pods_and_named_ports_that_are_there() -> None:
    pods = {name: named(kind, name)["spec"]["template"] for kind, name in
            (("StatefulSet", "web"), ("StatefulSet", "records"), ("Deployment", "valkey"))}  # fmt: skip
    for service in (one for one in KUBERNETES if one["kind"] == "Service"):
        template = pods[service["metadata"]["name"]]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        named_ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named_ports


def test_the_queues_server_keeps_what_it_holds_in_memory() -> None:
    commands = [COMPOSE["services"]["valkey"]["command"],
                *(container["command"] for name, container in containers() if name == "valkey")]  # fmt: skip
    assert len(commands) == 2
    for command in commands:
        said = {word.removeprefix("--"): command[at + 1] for at, word in enumerate(command) if word.startswith("--")}
        assert set(IN_MEMORY_ONLY) <= set(said)
        assert on_its_disk(said) == []
    assert Node("a", 1, there=True).oldest_row is None


def test_the_servers_log_holds_no_statement_and_its_log_of_writes_is_not_reused() -> None:
    words = COMPOSE["services"]["postgres"]["command"]
    for word in ("wal_recycle=off", "log_statement=none", "log_min_duration_statement=-1",
                 "log_min_error_statement=panic"):  # fmt: skip
        assert word in words


def test_what_the_page_for_operators_names_exists() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    known = {one.variable for one in SETTINGS}
    assert set(re.findall(r"INFERENCEBENCH_[A-Z_]+[A-Z]", text)) <= known
    for words in re.findall(r"`inferencebench ([a-z]+)", text):
        assert words in {name for name, *_ in COMMANDS}, words
