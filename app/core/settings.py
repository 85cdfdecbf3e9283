"""Every setting: read once from the environment, checked, frozen.

``SETTINGS`` below is the whole list: the documentation page and the tests read the same table.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core import setting_readers as readers
from app.core.errors import SettingError

PREFIX = "INFERENCEBENCH_"
PACKAGE = Path(__file__).resolve().parents[1]
HOME = PACKAGE.parent if (PACKAGE.parent / "templates").is_dir() else PACKAGE / "shipped_files"
"""The folder of templates, static files and policies: the checkout's own, or in an installed wheel the package's."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its name without the prefix, default, reader, example and meaning."""

    name: str
    default: str
    read: Callable[[str], Any]
    example: str
    meaning: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked values; attributes are the settings' names in lower case."""

    data_dir: Path
    host: str
    port: int
    base_url: str
    database_url: str
    redis_url: str
    policies_dir: Path
    controller_name: str
    contact_email: str
    operator_email: str
    imap_url: str
    smtp_url: str
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    hf_endpoint: str
    edge_purge_url: tuple[str, ...]
    edge_purge_token: str
    role: str
    node: str
    metrics_port: int
    metrics_host: str
    source_keys: Mapping[str, str]
    source_urls: Mapping[str, str]

    @property
    def database_path(self) -> Path:
        """The file of SQLite, which is the database unless ``database_url`` names a server."""
        return self.data_dir / "inferencebench.sqlite"

    @property
    def database(self) -> Path | str:
        """Where the database is: the URL of a readers.server, or the path of a file."""
        return self.database_url or self.database_path

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def keeps_records(self) -> bool:
        """True on the node that takes in what visitors send and keeps what is personal."""
        return self.role != "web"


SETTINGS: tuple[Setting, ...] = (
    Setting("DATA_DIR", "./data", readers.folder, "/var/lib/inferencebench", "Folder of everything that is written."),
    Setting("HOST", "127.0.0.1", readers.host, "0.0.0.0", "Address the web process listens on."),  # noqa: S104
    Setting("PORT", "8000", readers.port, "8000", "Port the web process listens on."),
    Setting("BASE_URL", "", readers.url("http", "https", optional=True, origin_only=True), "https://inferencebench.io",
            "Public scheme and host, for links in feeds, sitemap and previews. Default: host and port."),
    Setting("DATABASE_URL", "", readers.server, "postgres://inferencebench:secret@db.example.org/inferencebench",
            "Database on a server of PostgreSQL, version 15 or newer. Default: a file of SQLite in the data folder."),
    Setting("REDIS_URL", "", readers.url("redis", "rediss", "unix", optional=True), "redis://127.0.0.1:6379/0",
            "Queue of the worker. Default: one that the software brings itself."),
    Setting("POLICIES_DIR", str(HOME / "policies"), readers.known_folder, str(HOME / "policies"),
            "Folder of the policy documents."),
    Setting("CONTROLLER_NAME", "InferenceBench", readers.text, "InferenceBench", "Who is responsible for the site."),
    Setting("CONTACT_EMAIL", "privacy@inferencebench.io", readers.email, "privacy@inferencebench.io",
            "Address for privacy and security questions."),
    Setting("OPERATOR_EMAIL", "", readers.email, "operator@example.org",
            "Where reminders go. Never the contact address."),
    Setting("IMAP_URL", "", readers.url("imaps", "imap", optional=True), "imaps://user:secret@mail.example.org:993",
            "Mailbox of the contact address. Default: a Maildir in the data folder."),
    Setting("SMTP_URL", "", readers.url("smtps", "smtp", optional=True), "smtps://user:secret@mail.example.org:465",
            "Server that sends answers. Default: a Maildir in the data folder."),
    Setting("TRUSTED_PROXIES", "", readers.networks, "127.0.0.1,10.0.0.0/8",
            "Networks whose forwarded client address is believed."),
    Setting("HF_ENDPOINT", "https://huggingface.co", readers.asked, "https://huggingface.co",
            "The Hugging Face Hub, or a mirror of it."),
    Setting("EDGE_PURGE_URL", "", readers.urls, "http://127.0.0.1:6081/",
            "Edge that is notified of changed surrogate keys; several are separated by spaces."),
    Setting("EDGE_PURGE_TOKEN", "", readers.token, "Bearer secret",
            "Sent to the edge as `Authorization` with each purge, so that it purges for nobody else."),
    Setting("ROLE", "all", readers.role, "web",
            "Of several nodes that share PostgreSQL and Redis: `records` on the one that takes in reports and mail, "
            "`web` on every other."),
    Setting("NODE", "", readers.node_or_host, "web-1", "Name of this node among several. Default: the machine's name."),
    Setting("METRICS_PORT", "0", readers.port_or_none, "9100", "Port of the metrics for Prometheus. Default: none."),
    Setting("METRICS_HOST", "127.0.0.1", readers.host, "10.0.0.5", "Address the metrics are served on."),
)  # fmt: skip

LONGEST_SHOWN = 200
"""The most characters that are repeated of a wrong value."""
_SOURCE = re.compile(rf"{PREFIX}SOURCE_([A-Z0-9_]+)_(KEY|URL)")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting; raises :class:`SettingError` at the first wrong one."""
    given = os.environ if environment is None else environment
    _refuse_unknown(given)
    values = {s.name.lower(): _read(s, given.get(s.variable, s.default)) for s in SETTINGS}
    values["source_keys"], values["source_urls"] = _sources(given)
    if values["operator_email"] and values["operator_email"].casefold() == values["contact_email"].casefold():
        raise SettingError(
            f"{PREFIX}OPERATOR_EMAIL is the contact address; name another, for example operator@example.org"
        )
    for name in ("DATABASE_URL", "REDIS_URL") if values["role"] != "all" else ():
        if not values[name.lower()]:
            example = next(setting.example for setting in SETTINGS if setting.name == name)
            raise SettingError(
                f"{PREFIX}ROLE is {values['role']}, and nodes share database and queue: set {PREFIX}{name} on each, "
                f"for example {PREFIX}{name}={example}"
            )
    values["base_url"] = values["base_url"] or _default_base_url(values["host"], values["port"])
    return Settings(**values)


def _default_base_url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _read(setting: Setting, text: str) -> Any:
    try:
        if not text.isprintable() and not setting.name.endswith("_DIR"):  # a folder may be called anything
            raise ValueError("holds a character that can't be printed")
        return setting.read(text)
    except ValueError as error:
        raise SettingError(
            f"{setting.variable}: {readers.without_secret(text)[:LONGEST_SHOWN]!a} {error}; "
            f"for example {setting.variable}={setting.example}"
        ) from None


def _sources(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    keys: dict[str, str] = {}
    urls: dict[str, str] = {}
    for variable, text in given.items():
        if match := _SOURCE.fullmatch(variable):
            name = match[1].lower()
            if match[2] == "KEY":
                keys[name] = text
            else:
                example = Setting(f"SOURCE_{match[1]}_URL", "", readers.asked, "https://mirror.example.org", "")
                urls[name] = _read(example, text)
    return keys, urls


def _refuse_unknown(given: Mapping[str, str]) -> None:
    known = {s.variable for s in SETTINGS}
    for variable in given:
        if variable.startswith(PREFIX) and variable not in known and not _SOURCE.fullmatch(variable):
            import difflib

            close = difflib.get_close_matches(variable, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"for example {PREFIX}PORT=8000"
            raise SettingError(f"{variable} is not a setting; {hint}")
