"""The real Chromium on the real site."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import Site

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


class Watched:
    """What a page did that it must not: requests elsewhere, console errors, policy violations."""

    def __init__(self, page: Page, origin: str) -> None:
        self.foreign: list[str] = []
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("request", lambda request: self._request(request.url, origin))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _request(self, url: str, origin: str) -> None:
        self.requests.append(url)
        if not url.startswith((origin, "data:")):
            self.foreign.append(url)


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Iterator[Page]:
    """A page whose every request stays here, that sets no cookie and logs no error."""
    opened = context.new_page()
    watched = Watched(opened, site.url)
    opened.watched = watched  # type: ignore[attr-defined]
    yield opened
    assert not watched.foreign
    assert not [
        text for text in watched.errors if "400" not in text and "503" not in text and "Failed to load" not in text
    ]
    assert context.cookies() == []
