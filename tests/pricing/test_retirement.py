"""A source that speaks for a provider puts out what others said of that provider, and of no other."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.facts import providers
from app.pricing.refresh.replace_offers import replace_source
from app.pricing.snapshot import files
from app.storage import engine, sqlite
from tests.database import tuples

SOURCES, PROVIDERS = ("list-a", "list-b", "list-c"), ("lambda", "verda", "vultr")


def aside(provider: str) -> tuple[str, ...]:
    return ("ref", providers()[provider].spellings[0], "some card", "spot", "1", "unknown-gpu", "detail")


async def replaced(retire: dict[str, frozenset[str]]) -> set[tuple[str, str]]:
    """(source, provider) of the set-aside rows that are left after ``retire``, where each list held one of each
    provider."""
    offer = files.offers()[0]
    for source in SOURCES:
        await replace_source(source, source, [], [aside(provider) for provider in PROVIDERS], 1)
    await replace_source("own", "own", [offer], [], 2, retire=retire)
    spelled = {providers()[slug].spellings[0]: slug for slug in PROVIDERS}
    counted = await tuples("SELECT name, set_aside FROM loaded_source WHERE name LIKE 'list-%'")
    rows = await tuples("SELECT source, provider FROM set_aside")
    assert dict(counted) == {source: sum(row[0] == source for row in rows) for source in SOURCES}
    return {(source, spelled[name]) for source, name in rows}


def test_one_provider_of_one_list_and_another_of_another(empty_database: Path) -> None:
    left = engine.run(replaced({"list-a": frozenset({"lambda"}), "list-b": frozenset({"verda"})}))
    assert {(s, p) for s in SOURCES for p in PROVIDERS} - left == {("list-a", "lambda"), ("list-b", "verda")}


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.sampled_from(SOURCES), st.frozensets(st.sampled_from(PROVIDERS))))
def test_exactly_what_is_retired_goes(retire: dict[str, frozenset[str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        sqlite.use(Path(folder) / "inferencebench.sqlite")
        engine.run(engine.migrate())
        left = engine.run(replaced(retire))
    gone = {(source, provider) for source, whose in retire.items() for provider in whose}
    assert left == {(s, p) for s in SOURCES for p in PROVIDERS} - gone
