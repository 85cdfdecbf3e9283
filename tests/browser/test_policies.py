"""The notice of a changing policy in Chromium."""

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from app.core import clock
from app.policies.documents import SKELETON_DAYS, skeleton
from app.policies.files import read_versions
from tests.conftest import ROOT, free_port, serve


@pytest.fixture(scope="module")
def announcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site that has just announced a new privacy policy."""
    folder = tmp_path_factory.mktemp("announcing")
    policies = shutil.copytree(ROOT / "policies", folder / "policies")
    versions, _ = read_versions(policies)
    name, text = skeleton(
        "privacy", next(version for version in versions if version.policy == "privacy"), clock.now().date()
    )
    (policies / "privacy" / f"{name}.md").write_text(
        text.replace("Say here in one sentence what changes.", "Logs are kept shorter.")
    )
    port = free_port()
    process = serve(folder / "data", port, INFERENCEBENCH_POLICIES_DIR=str(policies))
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(15)


def test_a_notice_is_seen_read_folded_and_stays_folded(browser: Browser, announcing: str) -> None:
    assert SKELETON_DAYS > 30
    context = browser.new_context(base_url=announcing, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto("/prices")
    notice = page.get_by_role("region", name="A policy changes")
    expect(notice).to_contain_text("Logs are kept shorter.")
    assert not [found["id"] for found in Axe().run(page).response["violations"]]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    notice.get_by_text("Privacy policy changes").or_(notice.locator("summary")).first.click()
    expect(notice.get_by_role("link", name="what changes")).to_be_hidden()
    page.goto("/models")
    expect(notice.locator("summary")).to_be_visible()
    expect(notice.get_by_role("link", name="what changes")).to_be_hidden()
    notice.locator("summary").click()
    notice.get_by_role("link", name="what changes").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("what changed")
    context.close()


def test_the_notice_needs_no_script(browser: Browser, announcing: str) -> None:
    context = browser.new_context(base_url=announcing, java_script_enabled=False)
    page = context.new_page()
    page.goto("/calculator")
    expect(page.get_by_text("Logs are kept shorter.")).to_be_visible()
    context.close()
