"""What a way through the site costs: clicks, screens scrolled, and fields typed into."""

from pathlib import Path

from playwright.sync_api import Locator, Page


class Walk:
    """A reader on ``page``. Every step first brings what it needs into view, by the least scrolling, and counts that in
    screens; a click, a tick, a choice of a list and Enter count one each. Typing is counted apart: what has to be said
    has to be said. ``cost`` is clicks and screens together. ``note`` sets one report apart from another, ``file`` is
    one to hand in."""

    def __init__(self, page: Page, note: str = "", file: Path = Path()) -> None:
        self.page, self.note, self.file = page, note, file
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        self.clicks = self.typed = 0
        self.screens = 0.0

    @property
    def cost(self) -> float:
        return self.clicks + self.screens

    def see(self, what: Locator) -> Locator:
        """Bring ``what`` into view."""
        self.page.wait_for_load_state()
        what.wait_for(timeout=9_000)
        self.screens += what.evaluate(
            "(e) => { const from = scrollY, box = e.getBoundingClientRect(), tall = box.height > innerHeight;"
            "e.scrollIntoView({ block: tall ? 'start' : 'nearest', behavior: 'instant' });"
            "return Math.abs(scrollY - from) / innerHeight; }"
        )
        return what

    def click(self, what: Locator) -> None:
        self.see(what).click()
        self.clicks += 1

    def choose(self, what: Locator, value: str) -> None:
        self.see(what).select_option(value)
        self.clicks += 1

    def type(self, what: Locator, text: str) -> None:
        self.see(what).fill(text)
        self.typed += 1

    def enter(self, what: Locator) -> None:
        what.press("Enter")
        self.clicks += 1
