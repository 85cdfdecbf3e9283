"""What protects a visitor: the rules of MDN's HTTP Observatory at their highest score, no secret served, no cookie."""

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from app.core.settings import load
from app.web import assets, security
from tests import plain
from tests.conftest import ROOT, Inside, Site, database_of

HTTPS = {"INFERENCEBENCH_BASE_URL": "https://inferencebench.io"}
BROAD = {"ftp:", "http:", "https:", "*"}


class Scripts(HTMLParser):
    """The scripts of a page, and what is inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts.append(dict(attrs))


def score(headers: dict[str, str], page: str) -> dict[str, int]:
    """The modifiers of the Observatory's tests, by the rules it publishes (version 1.4 of its algorithm)."""
    csp = {part.split()[0]: set(part.split()[1:]) for part in headers["content-security-policy"].split(";")}
    found: dict[str, int] = {}
    everything = set().union(*csp.values())
    strict = not everything & ({"'unsafe-inline'", "'unsafe-eval'", "data:"} | BROAD) and not any(
        s.startswith(("http:", "https://*")) for s in everything
    )
    closed = (
        csp.get("default-src") == {"'none'"}
        and csp.get("form-action", {"*"}) <= {"'none'", "'self'"}
        and csp.get("base-uri", {"*"}) <= {"'none'", "'self'"}
    )
    found["csp"] = (10 if closed else 5) if strict else -20
    found["frames"] = (
        5 if "frame-ancestors" in csp else 0 if headers["x-frame-options"].lower() in ("deny", "sameorigin") else -20
    )
    found["cookies"] = 0 if "set-cookie" not in headers else -20
    found["cors"] = 0 if headers.get("access-control-allow-origin", "*") == "*" else -50
    found["corp"] = 10 if headers["cross-origin-resource-policy"] in ("same-origin", "same-site") else 0
    found["referrer"] = (
        5
        if headers["referrer-policy"]
        in ("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin")
        else -5
    )
    found["nosniff"] = 0 if headers["x-content-type-options"] == "nosniff" else -5
    age = re.search(r"max-age=(\d+)", headers.get("strict-transport-security", ""))
    found["hsts"] = 0 if age and int(age[1]) >= 15_768_000 else -20
    scripts = [script for script in Scripts(page).scripts if script.get("src")]
    ours = all(
        (script["src"] or "").startswith("/") and not (script["src"] or "").startswith("//") for script in scripts
    )
    found["sri"] = (5 if all(script.get("integrity") for script in scripts) else 0) if ours else -50
    return found


@pytest.mark.parametrize("promise", ["P-10b"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/prices",
        "/calculator",
        "/privacy/rights",
        "/policies/privacy",
        "/status",
        "/nothing-here",
        "/prices/table",
        "/prices?page=x",
    ],
)
def test_every_rule_of_the_observatory_has_its_highest_score(inside: Inside, promise: str, path: str) -> None:
    secure = Inside(load(database_of(inside.settings, **HTTPS)))

    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.get(path)
        found = score(dict(answer.headers), answer.text)
        assert found == {
            "csp": 10,
            "frames": 5,
            "cookies": 0,
            "cors": 0,
            "corp": 10,
            "referrer": 5,
            "nosniff": 0,
            "hsts": 0,
            "sri": 5,
        }

    secure.run(work)
    secure.app._prepared._watch.close()


def test_the_browser_can_check_every_script(site: Site) -> None:
    for path in ("/", "/prices", "/calculator", "/privacy/rights"):
        for script in Scripts(plain.get(f"{site.url}{path}").text).scripts:
            name = re.sub(r"^/static/|\.[0-9a-f]{12}(?=\.\w+$)", "", script["src"] or "")
            assert script["integrity"] == assets.integrity(name)


@pytest.mark.parametrize("promise", ["P-10a P-10b"])
def test_the_preload_form_of_hsts_is_sent_over_https(promise: str) -> None:
    sent = dict(security.headers(load(HTTPS), "/"))[b"strict-transport-security"].decode()
    assert re.fullmatch(r"max-age=\d{8,}; includeSubDomains; preload", sent)


SECRET = re.compile(
    r"-----BEGIN|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{20}|hf_[A-Za-z0-9]{20}|sk-[A-Za-z0-9]{20}|xox[bp]-|eyJ[A-Za-z0-9_-]{10,}\.eyJ|"
    r"(?i:password|passwd|api[_-]?key|secret|bearer)\s*[=:]\s*[\"'][^\"']{6,}"
)


@pytest.mark.parametrize("promise", ["P-10f"])
def test_nothing_that_is_served_holds_a_secret(inside: Inside, promise: str) -> None:
    given = {"INFERENCEBENCH_SOURCE_LAMBDA_KEY": "markersecretone",
             "INFERENCEBENCH_IMAP_URL": "imaps://u:markersecrettwo@mail.example.org",
             "INFERENCEBENCH_SMTP_URL": "smtps://u:markersecretthree@mail.example.org",
             "INFERENCEBENCH_REDIS_URL": "redis://:markersecretfour@127.0.0.1:1/0",
             "INFERENCEBENCH_OPERATOR_EMAIL": "markeroperator@example.org",
             **database_of(inside.settings)}  # fmt: skip
    full = Inside(load(given))

    async def work(client: httpx.AsyncClient) -> None:
        paths = re.findall(r"<loc>https?://[^/]+([^<]*)</loc>", (await client.get("/sitemap.xml")).text)
        more = [
            "/prices.csv",
            "/api/prices",
            "/api/openapi.json",
            "/calculator/sheet.json",
            "/readyz",
            "/nothing",
            "/.well-known/security.txt",
            "/.well-known/gpc.json",
            *assets.prepared(),
        ]
        for path in [*paths[:20], *paths[20::15], *more]:
            text = (await client.get(path)).text
            assert "marker" not in text.casefold().replace("marker-", ""), path
            assert str(inside.settings.data_dir) not in text, path
            assert not SECRET.search(text), path

    full.run(work)
    full.app._prepared._watch.close()
    for path in (*(ROOT / "static").rglob("*"), *(ROOT / "templates").rglob("*")):
        assert path.is_dir() or not SECRET.search(path.read_text(encoding="utf-8")), path
    assert SECRET.search('api_key: "0123456789"')


@pytest.mark.parametrize("promise", ["P-2.3a P-2.3b"])
def test_no_answer_sets_a_cookie_and_there_is_no_way_to_log_in(site: Site, promise: str) -> None:
    with httpx.Client(base_url=site.url) as client:
        for method, path in (("GET", "/"), ("GET", "/prices"), ("GET", "/nothing"), ("POST", "/beacon"),
                             ("POST", "/api/estimate"), ("POST", "/privacy/rights/clear"),
                             ("GET", "/prices?page=x"), ("HEAD", "/"), ("GET", "/static/site.css"), ("OPTIONS", "/"),
                             ("GET", "/privacy")):  # fmt: skip
            answer = client.request(method, path)
            assert "set-cookie" not in answer.headers, path
            assert "www-authenticate" not in answer.headers, path
        for path in ("/login", "/signup", "/register", "/account", "/admin"):
            assert client.get(path).status_code == 404
    for template in Path(ROOT / "templates").rglob("*.html"):
        assert 'type="password"' not in template.read_text(), template


@pytest.mark.parametrize("promise", ["P-2.3b"])
def test_scripts_probe_no_device_and_ask_nobody_else(promise: str) -> None:
    banned = ("canvas", "getcontext", "document.fonts", "navigator.plugins", "useragent", "hardwareconcurrency",
              "devicememory", "audiocontext", "document.cookie",
              "webgl", "getbattery", "enumeratedevices", "http://", "https://", "navigator.language", "screen.width",
              "timezone")  # fmt: skip
    for path in (ROOT / "static").glob("*.js"):
        text = path.read_text().casefold().replace("http://www.w3.org/2000/svg", "")
        for word in banned:
            assert word not in text, (path.name, word)
    htmx = next((ROOT / "static" / "vendor").glob("htmx*.js")).read_text().casefold()
    for word in set(banned[:12]) - {
        "useragent"
    }:  # it looks for Firefox to choose how it hears of "back", and tells nobody
        assert word not in htmx, word


def test_the_browser_is_told_to_clear_what_it_stores_by_our_own_page_alone(site: Site) -> None:
    answer = plain.post(f"{site.url}/privacy/rights/clear")
    assert answer.status_code == 200
    assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert answer.headers["cache-control"] == "no-store"
    assert "is gone" in answer.text
    assert plain.post(f"{site.url}/privacy/rights/clear", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert "clear-site-data" not in plain.get(f"{site.url}/privacy/rights").headers
