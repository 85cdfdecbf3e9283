"""Over HTTP, from the running site: headers, canonical addresses, bad input, data that agrees."""

import csv
import io
import json
import random
import re
import xml.etree.ElementTree as ET
from decimal import Decimal
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalog.facts import gpus, providers
from app.core import csv_text
from app.models.hub.seed import shipped_models
from app.pricing.offers.price_query import FILTERS, MEANINGS, PAGE_SIZE, PARAMETERS
from app.pricing.snapshot import files
from app.site.price_schema import COLUMNS
from tests.conftest import Site, examples

PAGES = ["/", "/prices", "/gpus", "/gpus/h100-sxm-80gb", "/gpus/a100", "/gpus/tpu-v4-32gb",
         "/gpus/h100-sxm-80gb/history", "/providers",
         "/providers/aws", "/compare", "/compare?gpu=b200-sxm-180gb&gpu=h100-sxm-80gb", "/status", "/api"]  # fmt: skip
PUBLIC = [*PAGES, "/search", "/search?q=8%20h100", "/status/rejected", "/methodology/errors",
          "/methodology/constants", "/methodology/traffic", "/prices/table",
          "/prices.csv", "/api/prices", "/api/openapi.json", "/robots.txt", "/sitemap.xml",
          "/.well-known/security.txt", "/favicon.ico", "/previews/home.png", "/previews/gpus/h100-sxm-80gb.png",
          "/previews/providers/aws.png"]  # fmt: skip
CONTRACT = ("provider", "gpu", "gpu_count", "tier", "region", "usd_per_gpu_hour", "usd_per_instance_hour", "fetched_at",
            "stale",
            "source", "commitment_months", "price_includes", "currency", "quoted_amount", "quoted_per",
            "exchange_rate_date", "price_since")  # fmt: skip


def rows_of(http: httpx.Client, query: str = "") -> list[dict[str, str]]:
    answer = http.get(f"/prices.csv{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_address_answers_with_validator_and_cache_orders(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers={"accept-encoding": "br"})
    assert answer.status_code == 200
    assert re.fullmatch(r'"[0-9a-f]{24}-br"', answer.headers["etag"])
    assert re.fullmatch(r"public, max-age=0, must-revalidate, s-maxage=\d+", answer.headers["cache-control"])
    assert "stale-if-error=" in answer.headers["cdn-cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "surrogate-key" in answer.headers
    assert "set-cookie" not in answer.headers
    again = http.get(path, headers={"accept-encoding": "br", "if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("path", PUBLIC)
def test_head_is_get_without_its_body(http: httpx.Client, path: str) -> None:
    got, head = (
        http.get(path, headers={"accept-encoding": "gzip"}),
        http.head(path, headers={"accept-encoding": "gzip"}),
    )
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k != "date"} == {
        k: v for k, v in got.headers.items() if k != "date"
    }


@pytest.mark.parametrize(
    "path", [*PUBLIC, "/nothing", "/prices?page=x", "/api/prices?x=1", "/prices/table?sort=luck", "/healthz"]
)
def test_every_answer_carries_the_security_headers(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "cross-origin-resource-policy" in headers
    assert "permissions-policy" in headers
    assert "set-cookie" not in headers
    assert headers["content-type"].count("charset") <= 1


def test_codings_hold_the_same_content_under_different_validators(http: httpx.Client) -> None:
    answers = [
        http.get("/prices", headers={"accept-encoding": coding}) for coding in ("br", "zstd", "gzip", "identity")
    ]
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 4
    assert [answer.headers.get("content-encoding") for answer in answers] == ["br", "zstd", "gzip", None]


def test_static_files_are_immutable_under_hashed_names(http: httpx.Client) -> None:
    page = http.get("/prices").text
    addresses = re.findall(r'(?:src|href)="(/static/[^"#]+)', page)
    assert len(set(addresses)) >= 4
    for address in addresses:
        answer = http.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{12}\.", address)


@pytest.mark.parametrize("promise", ["P-12"])
def test_the_same_bytes_whatever_a_browser_signals(http: httpx.Client, promise: str) -> None:
    for path in ("/", "/prices", "/calculator", "/calculator/sheet.json", "/benchmarks", "/models"):
        plain = http.get(path)
        for signal in ({"dnt": "1"}, {"sec-gpc": "1"}, {"cookie": "a=b"}, {"hx-request": "true"}):
            assert http.get(path, headers=signal).content == plain.content


def test_the_signal_for_no_sale_is_answered(http: httpx.Client) -> None:
    assert http.get("/.well-known/gpc.json").json()["gpc"] is True


def test_data_and_fragments_are_kept_out_of_searches_and_pages_are_not(http: httpx.Client) -> None:
    for path in ("/prices.csv", "/api/prices", "/prices/table", "/calculator/sheet.json", "/api/nothing"):
        assert http.get(path).headers["x-robots-tag"] == "noindex", path
    for path in ("/", "/prices", "/calculator", "/models"):
        assert "x-robots-tag" not in http.get(path).headers


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("/prices?utm_source=news", "/prices"), ("/prices?q=h100+spot",
            "/prices?gpu=h100-80gb&gpu=h100-nvl-94gb&gpu=h100-pcie-80gb&gpu=h100-sxm-80gb&tier=spot"),
        ("/prices?tier=spot&gpu=l4-24gb", "/prices?gpu=l4-24gb&tier=spot"), ("/prices?q=&max_usd=&page=1", "/prices"),
        ("/prices?max_usd=2.500", "/prices?max_usd=2.5"), ("/gpus/H100-SXM-80GB", "/gpus/h100-sxm-80gb"),
        ("/?x=1", "/"),
        ("/gpus?a=b", "/gpus"), ("/gpus/l4-24gb?ref=x", "/gpus/l4-24gb"), ("/prices/table?order=asc", "/prices/table"),
        ("/compare?gpu=l4-24gb&gpu=a40-48gb", "/compare?gpu=a40-48gb&gpu=l4-24gb"),
        ("/prices.csv?tier=spot&tier=spot", "/prices.csv?tier=spot"),
        ("/gpus/", "/gpus"), ("/prices/", "/prices"),
    ],
)  # fmt: skip
def test_a_page_has_one_canonical_address(http: httpx.Client, asked: str, canonical: str) -> None:
    answer = http.get(asked)
    assert (answer.status_code, answer.headers.get("location")) == (308, canonical)


def test_words_of_a_search_are_answered_without_a_redirect_by_data(http: httpx.Client) -> None:
    asked = http.get("/prices.csv?q=h100+spot")
    assert asked.status_code == 200
    assert asked.text == http.get("/prices.csv?q=h100%20spot").text
    tiers = {row["tier"] for row in csv.DictReader(io.StringIO(asked.text, newline=""))}
    assert tiers == {"spot"}
    assert http.get("/api/prices?q=8+h100").json()["count"] > 0


@pytest.mark.parametrize("name", ["utm_source", "gpus", "provder"])
def test_data_refuses_unknown_parameters_and_pages_drop_them(http: httpx.Client, name: str) -> None:
    for path in ("/prices.csv", "/api/prices"):
        answer = http.get(f"{path}?{name}=x")
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["parameter"] == name
        assert answer.json()["hint"]
    assert http.get(f"/prices?{name}=x").status_code == 308


BAD = ["", "x", "0", "-1", "99999999999999999999", "NaN", "1e400", "½", "🚀", "' OR 1=1 --",
       "<script>alert(1)</script>", "%00", "a" * 3000, "../../etc/passwd", "{{7*7}}", "\r\nSet-Cookie: a=b", "ÿ",
       "null", "[]"]  # fmt: skip


@pytest.mark.parametrize("path", ["/prices", "/prices/table", "/prices.csv", "/api/prices", "/compare"])
def test_no_parameter_whatever_breaks_an_address(http: httpx.Client, path: str) -> None:
    for name in (*PARAMETERS, "limit", "cursor", "unknown"):
        for value in BAD[:: len(BAD) // examples(len(BAD))]:
            query = f"{name}={quote(value)}"
            for asked in (f"{path}?{query}", f"{path}?{query}&{query}", f"{path}?{query}&{name}=other"):
                answer = http.get(asked)
                assert answer.status_code in (200, 308, 400, 404, 410), (asked, answer.status_code)
                if answer.status_code >= 400:
                    assert "<script>alert" not in answer.text
                    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/gpus/", "/providers/", "/previews/gpus/", "/", "/static/", "/api/"])
@pytest.mark.parametrize("value", BAD[1:])
def test_no_name_in_an_address_breaks_it(http: httpx.Client, path: str, value: str) -> None:
    answer = http.get(path + quote(value, safe=""))
    assert answer.status_code in (308, 400, 404), answer.status_code
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "raw", ["/prices?gpu=%ff%fe", "/prices?%", "/prices?=", "/prices?&&&", "/prices?q=%E2%80%AE", "/prices?gpu"]
)
def test_odd_bytes_in_a_query_are_answered(http: httpx.Client, raw: str) -> None:
    assert http.get(raw).status_code in (200, 308, 400)


def test_a_fragment_answers_errors_as_a_fragment_and_data_as_a_problem(http: httpx.Client) -> None:
    page, fragment, data = (
        http.get("/prices?sort=luck"),
        http.get("/prices/table?sort=luck"),
        http.get("/api/prices?sort=luck"),
    )
    assert page.status_code == fragment.status_code == data.status_code == 400
    assert "<html" in page.text
    assert "<html" not in fragment.text
    assert 'id="board"' in fragment.text
    assert data.json()["detail"] == "sort='luck' is not known."


def test_a_missing_gpu_gets_a_helpful_404(http: httpx.Client) -> None:
    answer = http.get("/gpus/h100-sxm-88gb")
    assert answer.status_code == 404
    assert 'href="/gpus/h100-sxm-80gb"' in answer.text


def test_a_page_past_the_last_says_how_many_there_are(http: httpx.Client) -> None:
    answer = http.get("/prices?min_memory_gb=0&page=900")
    assert answer.status_code == 404
    assert f"{-(-len(files.offers()) // PAGE_SIZE)} pages" in answer.text


def test_other_methods_are_refused_with_what_is_allowed(http: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = http.request(method, "/prices")
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


def test_data_may_be_read_from_other_origins_and_pages_may_not(http: httpx.Client) -> None:
    assert http.get("/prices.csv").headers["access-control-allow-origin"] == "*"
    assert http.get("/api/prices?x=1").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in http.get("/prices").headers


def test_the_csv_begins_with_the_contracts_columns(http: httpx.Client) -> None:
    answer = http.get("/prices.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    header = answer.text.split("\r\n")[0].split(",")
    assert tuple(header[: len(CONTRACT)]) == CONTRACT
    assert header == list(COLUMNS)
    assert answer.text.endswith("\r\n")


def test_the_csv_holds_every_offer_with_known_slugs(http: httpx.Client) -> None:
    rows = rows_of(http)
    assert len(rows) == len(files.offers())
    for row in rows:
        assert row["gpu"] in gpus()
        assert row["provider"] in providers()
        assert Decimal(row["usd_per_gpu_hour"]) > 0
        assert row["tier"] in ("on-demand", "spot", "reserved")
        assert row["stale"] == "true"


def test_csv_text_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    cells = ["=1+1", "+x", "-x", "@x", "\rx", "\tx", "a,b", 'say "x"', "two\nlines", None, True, Decimal("2.50")]
    text = csv_text.table(["a"], ([cell] for cell in cells))
    assert [cell for (cell,) in csv.reader(io.StringIO(text, newline=""))] == [
        "a", "'=1+1", "'+x", "'-x", "'@x", "'\rx", "'\tx", "a,b", 'say "x"', "two\nlines", "", "true", "2.5",
    ]  # fmt: skip
    assert text.count("\r\n") == 1 + len(cells)


QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "gpu": st.sampled_from(["h100-sxm-80gb", "l4-24gb", "a100-80gb", "rtx-4090-24gb"]),
        "provider": st.sampled_from(["aws", "gcp", "runpod", "salad"]),
        "tier": st.sampled_from(["on-demand", "spot", "reserved"]),
        "region": st.sampled_from(["us", "in", "asia", "global", "not-stated", "eastus"]),
        "min_memory_gb": st.sampled_from(["24", "80", "141"]),
        "max_usd": st.sampled_from(["0.5", "2", "5.25"]),
        "gpu_count": st.sampled_from(["1", "8"]),
        "q": st.sampled_from(["nvidia a100", "spot", "mumbai", "zz", "100%", "a_b"]),
        "sort": st.sampled_from(["price", "instance", "gpu", "memory", "count", "provider", "tier", "region", "seen"]),
        "order": st.sampled_from(["asc", "desc"]),
    },
)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERIES)
def test_any_filters_csv_json_and_page_agree(site: Site, query: dict[str, str]) -> None:
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=30) as client:
        table = list(csv.DictReader(io.StringIO(client.get("/prices.csv", params=query).text, newline="")))
        data = client.get("/api/prices", params=query).json()
        more = data["next"]
        while more:
            part = client.get(more).json()
            data["offers"] += part["offers"]
            more = part["next"]
        page = client.get("/prices", params={"min_memory_gb": "0", **query}).text  # it opens with large cards else
    assert data["count"] == len(table) == len(data["offers"])
    assert [row["id"] for row in table] == [row["id"] for row in data["offers"]]
    for row, offer in zip(table, data["offers"], strict=True):
        for name, value in offer.items():
            assert row[name].lstrip("'") == (
                "" if value is None else str(value).lower() if isinstance(value, bool) else row[name].lstrip("'")
            )
        assert float(row["usd_per_gpu_hour"]) == offer["usd_per_gpu_hour"]
    assert f"<strong>{len(table):,}</strong>" in page
    shown = re.findall(r"class=p>([\d.,]+)", page)
    assert len(shown) == min(PAGE_SIZE, len(table))
    for text, row in zip(shown, table, strict=False):
        assert abs(Decimal(text.replace(",", "")) - Decimal(row["usd_per_gpu_hour"])) <= Decimal("0.005")


def test_facets_say_how_many_rows_each_choice_leaves(http: httpx.Client) -> None:
    page = http.get("/prices?tier=spot").text
    choices = re.findall(r"name=provider value=([^ >]+)[^>]*>[^<]*<i>([\d,]+)</i>", page)
    assert len(choices) > 10
    for value, count in choices:
        assert int(count.replace(",", "")) == len(rows_of(http, f"?provider={value}&tier=spot"))


def test_the_pages_hold_every_row_once(http: httpx.Client) -> None:
    seen: list[str] = []
    address = "/prices?tier=reserved"
    while address:
        page = http.get(address).text
        seen += re.findall(r"class=p>([^<]+)", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(rows_of(http, "?tier=reserved"))


def test_terms_of_different_length_do_not_rank_against_each_other(http: httpx.Client) -> None:
    rows = rows_of(http, "?tier=reserved")
    terms = [row["commitment_months"] for row in rows]
    assert [t for i, t in enumerate(terms) if i == 0 or terms[i - 1] != t] == ["6", "12", "36", ""]
    for term in set(terms):
        prices = [Decimal(row["usd_per_gpu_hour"]) for row in rows if row["commitment_months"] == term]
        assert prices == sorted(prices)


def test_the_api_pages_by_cursor_through_every_row_once(http: httpx.Client) -> None:
    address, seen = "/api/prices?limit=100", []
    while address:
        answer = http.get(address).json()
        seen += [offer["id"] for offer in answer["offers"]]
        address = answer["next"]
    assert seen == [row["id"] for row in rows_of(http)]


@pytest.mark.parametrize(
    ("cursor", "status"),
    [("x", 400), ("100-of-9", 410), (f"99999-of-{len(files.offers())}", 410), ("-of-", 400), ("1-of-2-of-3", 400)],
)
def test_a_cursor_that_leads_nowhere_says_so(http: httpx.Client, cursor: str, status: int) -> None:
    answer = http.get(f"/api/prices?limit=100&cursor={cursor}")
    assert (answer.status_code, answer.json()["parameter"]) == (status, "cursor")


def test_the_api_description_names_every_parameter_and_column(http: httpx.Client) -> None:
    api = http.get("/api/openapi.json").json()
    names = {p["name"] for p in api["paths"]["/api/prices"]["get"]["parameters"]}
    assert names == {*FILTERS, "sort", "order", "limit", "cursor", "as_of"}
    assert list(api["components"]["schemas"]["Offer"]["properties"]) == list(
        http.get("/api/prices?limit=1").json()["offers"][0]
    )
    page = http.get("/api").text
    for name in (*FILTERS, *CONTRACT):
        assert f"<code>{name}</code>" in page
    for name, (_, example) in MEANINGS.items():
        if name in names:
            assert http.get(f"/api/prices?{name}={quote(example)}", follow_redirects=True).status_code == 200


def test_status_accounts_for_every_raw_row(http: httpx.Client) -> None:
    page = http.get("/status").text
    read, shown, aside = (f"{files.about()[name]:,}" for name in ("rows_read", "offers", "set_aside"))
    assert re.search(rf'class="sum">.*?>{read}<.*?>{shown}<.*?>{aside}<', page, re.DOTALL)


def test_the_snapshots_age_is_said_plainly(http: httpx.Client) -> None:
    for path in ("/", "/prices", "/status"):
        page = http.get(path).text
        assert "Snapshot." in page
        assert "24 May 2026" in page
        assert "10 Oct 2026" in page


@pytest.mark.timeout(400)  # over five hundred pages, each rendered for the first time
def test_the_sitemap_lists_pages_that_exist(http: httpx.Client, site: Site) -> None:
    tree = ET.fromstring(http.get("/sitemap.xml").content)
    addresses = [loc.text or "" for loc in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert len(addresses) == 27 + len(gpus()) + len(providers()) + 2 * len(shipped_models())
    kinds: dict[str, list[str]] = {}
    for address in addresses:
        path = address.removeprefix(site.url)
        kinds.setdefault(path.split("/")[1], []).append(path)
    for paths in kinds.values():  # others each time: to compute all pages of models and GPUs takes a minute
        for path in random.sample(paths, min(len(paths), 12)):
            assert http.get(path).status_code == 200, path


def test_security_txt_has_a_contact_and_has_not_expired(http: httpx.Client) -> None:
    from datetime import datetime

    from app.core import clock

    text = http.get("/.well-known/security.txt").text
    expires = re.search(r"Expires: (\S+)", text)
    assert "Contact: mailto:privacy@inferencebench.io" in text
    assert expires
    assert datetime.fromisoformat(expires[1].replace("Z", "+00:00")) > clock.now()


def test_health_and_readiness(http: httpx.Client) -> None:
    assert http.get("/healthz").text == "ok\n"
    assert http.get("/readyz").json()["ready"] is True


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_title_description_preview_and_no_inline_anything(http: httpx.Client, path: str) -> None:
    text = http.get(path).text
    assert re.search(r"<title>[^<]{10,}</title>", text)
    assert re.search(r'name="description" content="[^"]{30,}"', text)
    preview = re.search(r'property="og:image" content="[^"]*?(/previews/[^"]+)"', text)
    assert preview
    assert http.get(preview[1]).content.startswith(b"\x89PNG")
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", text)
    assert not re.search(
        r'(src|href|action)="(https?:)?//(?!127\.0\.0\.1)[^"]*"[^>]*(rel="stylesheet"|<script|<img)', text
    )


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/", 14_000),
        ("/prices", 14_000),
        ("/gpus/h100-sxm-80gb", 14_000),
        ("/status", 14_000),
        ("/submit/benchmark", 14_000),
        ("/submit/price", 14_000),
        ("/privacy/rights", 14_000),
        ("/policies/privacy", 14_000),
    ],
)
def test_the_first_view_fits_its_budget(http: httpx.Client, path: str, limit: int) -> None:
    with (
        httpx.Client(base_url=http.base_url) as client,
        client.stream("GET", path, headers={"accept-encoding": "br"}) as answer,
    ):
        assert sum(len(part) for part in answer.iter_raw()) < limit


def test_everything_a_first_visit_to_prices_loads_fits_its_budget(http: httpx.Client) -> None:
    page = http.get("/prices").text
    addresses = {"/prices", *re.findall(r'(?:src|href)="(/static/[^"#]+)', page)}
    total = 0
    for address in addresses:
        with http.stream("GET", address, headers={"accept-encoding": "br"}) as answer:
            total += sum(len(part) for part in answer.iter_raw())
    assert total < 60_000


def test_unknown_values_are_never_a_made_up_number(http: httpx.Client) -> None:
    offers = http.get("/api/prices?provider=gcp&tier=reserved").json()["offers"]
    assert {offer["gpu_count"] for offer in offers} == {None}
    assert {offer["usd_per_instance_hour"] for offer in offers} == {None}
    assert json.dumps(offers).count("NaN") == 0
    assert "not known" in http.get("/prices?provider=gcp&tier=reserved").text
