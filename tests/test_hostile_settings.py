"""Settings and files of an operator with what nobody types: said in one line, or harmless; never a page less."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import httpx
import pytest

from app.core.errors import InferenceBenchError
from app.core.settings import Settings, load
from app.privacy.processors import FILE, Processor
from app.process import doctor
from tests.conftest import ROOT, Inside

PAGES = ["/", "/policies", "/policies/privacy", "/status", "/privacy/rights", "/.well-known/security.txt", "/llms.txt",
         "/submit/price", "/nothing"]  # fmt: skip


def pages(settings: Settings) -> None:
    """Every page that shows settings, policies or processors answers, in UTF-8."""
    made = Inside(settings)

    async def ask(client: httpx.AsyncClient) -> None:
        for path in PAGES:
            answer = await client.get(path, follow_redirects=True)
            assert answer.status_code < 500, path
            answer.content.decode("utf-8")

    try:
        made.run(ask)
    finally:
        made.app._prepared._watch.close()


TEXTS = [
    "a\nBcc: x@y.example",
    "a\r\nX: y",
    "\udcff",
    "\u202eb",
    "a\tb",
    "x" * 1_000_000,
    "\x1b[2J",
    "\ud800",
    "<script>",
]
NAMES = ["CONTROLLER_NAME", "CONTACT_EMAIL", "OPERATOR_EMAIL", "BASE_URL", "NODE", "SMTP_URL", "IMAP_URL"]


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_of_it_is_refused_in_one_line_or_harmless(tmp_path: Path, prepared_data: Path, name: str) -> None:
    shutil.copytree(prepared_data, tmp_path / "data")
    for text in TEXTS:
        given = {"INFERENCEBENCH_DATA_DIR": str(tmp_path / "data"), f"INFERENCEBENCH_{name}": text}
        said = ""
        try:
            settings = load(given)
        except InferenceBenchError as error:
            said = str(error)
        if said:
            assert said.isprintable(), (name, text)
            assert len(said) < 1_000, (name, text[:20])
            continue
        pages(settings)
        assert list(doctor.examine(settings)), (name, text)


DAMAGE: dict[str, Callable[[str], str]] = {
    "bom": lambda text: "\ufeff" + text, "crlf": lambda text: text.replace("\n", "\r\n"),
    "zero": lambda text: text + "\n\0\n", "turning": lambda text: text + "\n\u202edesrever\n",
    "long": lambda text: text + "\n" + "x" * 1_000_000 + "\n", "commands": lambda text: text + "\n\x1b[2J\x9b2J\n",
    "deep": lambda text: text + "\n" + ">" * 20_000 + "\n" + "[" * 20_000 + "\n" + "*_" * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_policy_of_it_darkens_no_page(tmp_path: Path, prepared_data: Path, damage: str) -> None:
    shutil.copytree(prepared_data, tmp_path / "data")
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    for path in (tmp_path / "policies").rglob("*.md"):
        path.write_bytes(DAMAGE[damage](path.read_text()).encode())
    settings = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "data"),
                     "INFERENCEBENCH_POLICIES_DIR": str(tmp_path / "policies")})  # fmt: skip
    pages(settings)
    assert all(text.encode("utf-8") for _, text in doctor.examine(settings))


@pytest.mark.parametrize("damage", ["\0", "\ud800", "\u202e", "x" * 1_000_000, "<script>alert(1)</script>", "\x1b[2J"])
def test_a_list_of_processors_of_it_darkens_no_page(tmp_path: Path, prepared_data: Path, damage: str) -> None:
    shutil.copytree(prepared_data, tmp_path / "data")
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    path = tmp_path / "policies" / FILE
    processor = dict.fromkeys((field.name for field in fields(Processor)), "x") | {"privacy": "https://x.example/"}
    path.write_text(json.dumps([{key: value + damage for key, value in processor.items()}]))
    settings = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path / "data"),
                     "INFERENCEBENCH_POLICIES_DIR": str(tmp_path / "policies")})  # fmt: skip
    pages(settings)
