"""A month's bill in Chromium: renting against buying is computed here, and nothing of it leaves."""

from typing import Any

from playwright.sync_api import Page, expect


def test_rent_against_buy_stays_in_the_browser(page: Page) -> None:
    page.goto("/bill?gpu=h100-sxm-80gb&gpus=8")
    told = page.locator("#rent-or-buy-told")
    expect(told).to_have_text("Enter the purchase price.")
    watched: Any = page.watched  # type: ignore[attr-defined]
    before = len(watched.requests)
    # 10,000 a month of rent; 8 kW for 730 hours at 1.25 and 0.10 is 730, with 270 of care 1,000 a month to run
    figures = {"rent": 10_000, "price": 180_000, "watts": 8000, "perKwh": 0.1, "overhead": 1.25, "colocation": 270,
               "years": 3, "resale": 20}  # fmt: skip
    for name, value in figures.items():
        page.fill(f"#rent-or-buy [name={name}]", str(value))
    expect(told).to_have_text(
        "Buying has cost less from month 20 on. Running it costs $1,000 a month. Over 36 months buying, with the"
        " resale, costs $180,000 and renting $360,000: $180,000 less."
    )
    page.fill("#rent-or-buy [name=price]", "400000")
    expect(told).to_contain_text("Within 3 years buying does not pay back its price")
    page.fill("#rent-or-buy [name=resale]", "120")
    expect(told).to_have_text("Resale value, % of the price: from 0 to 100.")
    assert len(watched.requests) == before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
