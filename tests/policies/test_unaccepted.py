"""A version that is not accepted stays with the operator: no public page names or shows it until it is announced."""

import shutil
from pathlib import Path

import httpx
import pytest
import time_machine

from app.core import clock
from app.core.settings import load
from app.policies import files
from tests.conftest import ROOT, Inside, Shipped

WORDS = "UNACCEPTED WORDS that nobody may read yet"
NOW = "2026-11-25T12:00:00Z"
ACCEPTED = {"announced later": ("2026-12-01", "2027-02-01", "true"),
            "too short a notice": ("2026-11-25", "2026-12-05", "true"),
            "back-dated": ("2026-11-24", "2026-04-01", "true"),
            "back-dated and not material": ("2026-11-24", "2026-11-01", "false"),
            "before the first": ("2020-01-01", "2019-12-31", "true")}  # fmt: skip


def site(tmp_path: Path, shipped: Shipped, announced: str, effective: str, material: str) -> Inside:
    folder = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    text = (folder / "privacy/2026-03-27.md").read_text()
    head, body = text.split("\n---\n", 1)
    lines = dict(line.split(": ", 1) for line in head.split("\n")[1:])
    lines |= {"announced": announced, "effective": effective, "material": material, "version": "2", "summary": WORDS}
    front = "".join(f"{key}: {value}\n" for key, value in lines.items())
    (folder / f"privacy/{effective}.md").write_text(f"---\n{front}---\n{body}\n\n{WORDS}\n")
    files._known.clear()
    return Inside(load({**shipped(tmp_path / "data"), "INFERENCEBENCH_POLICIES_DIR": str(folder)}))


@pytest.mark.parametrize("case", ACCEPTED)
def test_no_page_tells_of_it(tmp_path: Path, shipped: Shipped, case: str) -> None:
    announced, effective, material = ACCEPTED[case]
    with time_machine.travel(clock.parse_instant(NOW), tick=False):
        inside = site(tmp_path, shipped, announced, effective, material)

        async def work(client: httpx.AsyncClient) -> None:
            for path in (
                "/",
                "/policies",
                "/policies/privacy",
                "/policies/privacy/2026-03-27",
                "/policies/changes.atom",
                "/sitemap.xml",
            ):
                answer = await client.get(path)
                assert answer.status_code == 200
                assert WORDS not in answer.text, path
                assert f"/policies/privacy/{effective}" not in answer.text, path
            for path in (f"/policies/privacy/{effective}", f"/policies/privacy/{effective}.md",
                         f"/policies/privacy/changes/2026-03-27/{effective}",
                         f"/policies/privacy/changes/{effective}/2026-03-27"):  # fmt: skip
                answer = await client.get(path)
                assert answer.status_code == 404, path
                assert WORDS not in answer.text

        inside.run(work)
        assert case == "announced later" or any(
            effective in line for line in files.policies(inside.settings).troubles()
        )
        inside.app._prepared._watch.close()


def test_it_is_read_once_it_is_announced_and_for_ever_after(tmp_path: Path, shipped: Shipped) -> None:
    with time_machine.travel(clock.parse_instant(NOW), tick=False) as traveller:
        inside = site(tmp_path, shipped, "2026-12-01", "2027-02-01", "true")

        async def status(client: httpx.AsyncClient) -> int:
            return (await client.get("/policies/privacy/2027-02-01")).status_code

        found = []
        for day in (
            "2026-11-30T23:59:59Z",
            "2026-12-01T00:00:00Z",
            "2027-01-31T23:59:59Z",
            "2027-02-01T00:00:00Z",
            "2030-01-01T00:00:00Z",
        ):
            traveller.move_to(clock.parse_instant(day))
            found.append(inside.run(status))
        assert found == [404, 200, 200, 200, 200]
        inside.app._prepared._watch.close()
