"""The arrows of the house point one way."""

import ast
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(path for path in (ROOT / "app").rglob("*.py") if "migrations" not in path.parts)
WORKERS = sorted((ROOT / "workers").glob("*.py"))
NO_PYTHON = sorted(
    path
    for path in (*(ROOT / "static").iterdir(), *(ROOT / "templates").rglob("*"))
    if path.suffix in (".js", ".css", ".html", ".atom", ".xml")
)
PURE = ("app/pricing/offers/normalise.py", "app/pricing/offers/normalise_batch.py", "app/pricing/search/parse_query.py",
        "app/pricing/history/price_moves.py", "app/pricing/offers/price_query.py", "app/pricing/search/search_words.py",
        "app/pricing/history/chart.py", "app/pricing/history/price_span.py", "app/pricing/history/price_events.py",
        "app/pricing/history/index.py", "app/pricing/history/survival.py",
        "app/pricing/offers/offer.py", "app/core/money.py", "app/web/content_encoding.py", "app/catalog/aliases.py",
        "app/estimate/inputs.py", "app/estimate/shape.py", "app/estimate/speed.py", "app/estimate/plan.py",
        "app/estimate/cards.py", "app/benchmarks/rows.py",
        "app/benchmarks/query.py", "app/policies/documents.py", "app/policies/difference.py", "app/core/retention.py",
        "app/privacy/requests/rights.py", "app/telemetry/counters.py", "app/calculator/presets.py",
        "app/calculator/hardware.py")  # fmt: skip
NO_IO = {"asyncio", "sqlite3", "aiosqlite", "httpx", "socket", "os", "pathlib", "piccolo", "litestar",
         "app.storage.sqlite", "app.core.clock", "datetime.now", "random", "time"}  # fmt: skip


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a module; each module is parsed once for all rules."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def against(rule: Callable[[Path], Iterable[Any]], paths: Iterable[Path]) -> dict[str, list[Any]]:
    """Module → what ``rule`` finds in it that must not be there; modules without are left out.

    One test goes over all modules: a test for each module and rule would be half of the suite's tests, and collecting
    them took longer than running them.
    """
    found = {name(path): list(rule(path)) for path in paths}
    assert found, "a rule without modules says nothing"
    return {module: wrong for module, wrong in found.items() if wrong}


@cache
def imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def reaches(imported: Iterable[str], target: str) -> bool:
    return any(module == target or module.startswith(f"{target}.") for module in imported)


def test_nothing_in_app_imports_workers() -> None:
    assert against(lambda path: reaches(imports(path), "workers") * ["workers"], MODULES) == {}


def test_no_module_imports_itself_through_others() -> None:
    """Also within functions, and by a name that ``import_module`` is given: a circle is one wherever it is closed."""
    paths = [*MODULES, *WORKERS]
    known = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    named = {
        module: {
            node.args[0].value for node in nodes(path)
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
            and isinstance(node.args[0], ast.Constant)
        } for module, path in known.items()
    }  # fmt: skip
    graph = {module: ((imports(path) | named[module]) & known.keys()) - {module} for module, path in known.items()}
    assert sum(map(len, graph.values())) > len(graph)
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which tells the modules


def test_pure_modules_do_no_io() -> None:
    pure = [ROOT / module for module in PURE]
    assert against(lambda path: [banned for banned in NO_IO if reaches(imports(path), banned)], pure) == {}


def test_stores_know_nothing_of_http_or_html() -> None:
    stores = [path for path in MODULES if path.name in ("store.py", "tables.py", "replace_offers.py")]
    above = ("litestar", "jinja2", "app.web", "app.site.routes")
    assert against(lambda path: [up for up in above if reaches(imports(path), up)], stores) == {}


SQL = re.compile(
    r"\b(SELECT\s|INSERT (OR \w+ )?INTO\s|UPDATE \w+ SET\s|DELETE FROM\s|(CREATE|ALTER|DROP) (TABLE|INDEX)\s"
    r"|PRAGMA\s|VACUUM)"
)
ONE_ENGINE_ONLY = re.compile(r"\bINSERT OR |\browid\b|\bctid\b|\bGLOB\b|\binstr\(|\bifnull\(|\?|\bIS {}|\bstrftime\(")
READS_DUMPS = "app/submissions/result_files/llama_bench.py"
"""llama-bench writes its results as SQL if asked: what it says there is a file to read, and no statement of ours."""


def is_store(path: Path) -> bool:
    """True for the modules in which statements may stand: stores, and the queries of the price history."""
    return path.stem == "store" or path.stem.endswith("_store") or name(path) == "app/pricing/history/queries.py"


@cache
def texts(path: Path) -> tuple[str, ...]:
    """The strings of a module that are no docstrings; one that is put together counts whole."""
    said = {id(node.value) for node in nodes(path) if isinstance(node, ast.Expr)}
    strings = (node for node in nodes(path) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return tuple(str(node.value) for node in strings if id(node) not in said)


def test_statements_stand_in_stores_only() -> None:
    paths = [p for p in (*MODULES, *WORKERS) if not is_store(p) and "storage" not in p.parts and name(p) != READS_DUMPS]
    assert against(lambda path: [text for text in texts(path) if SQL.search(text)], paths) == {}


def test_statements_are_templates_that_either_engine_takes() -> None:
    """Values are never put into a statement, and nothing is said that SQLite alone understands."""
    stores = [path for path in MODULES if is_store(path)]
    assert against(lambda path: [text for text in texts(path) if ONE_ENGINE_ONLY.search(text)], stores) == {}


def test_what_one_engine_does_stands_in_storage() -> None:
    of_one = ("sqlite3", "aiosqlite", "asyncpg", "app.storage.sqlite", "app.storage.write_ahead_log",
              "app.storage.postgres", "app.storage.postgres_engine", "app.storage.postgres_watch")  # fmt: skip
    paths = [path for path in (*MODULES, *WORKERS) if "storage" not in path.parts]
    assert against(lambda path: [module for module in of_one if reaches(imports(path), module)], paths) == {}


OURS = [path for path in (*MODULES, *WORKERS) if "result_files" not in path.parts]
"""Without the readers of result files: such a file is what strangers make it."""


def numbered(path: Path) -> list[ast.Subscript]:
    """The places of a module at which something is taken by its number, such as ``row[4]``."""
    return [node for node in nodes(path) if isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)]  # fmt: skip


def test_rows_are_read_by_name() -> None:
    """No ``row[4]``: what a row holds is a record with names."""

    def rule(path: Path) -> list[str]:
        return [
            ast.unparse(node)
            for node in numbered(path)
            if (isinstance(node.value, ast.Name) and node.value.id == "row")
            or (isinstance(node.value, ast.Subscript) and ast.unparse(node.value).startswith("rows["))
        ]

    assert against(rule, OURS) == {}


def test_what_a_table_holds_is_read_by_name() -> None:
    """No ``SORTS[name][1]`` and no ``best[key][0]``: what a table or a dictionary holds is a record with names too."""

    def rule(path: Path) -> list[str]:
        return [
            ast.unparse(node)
            for node in numbered(path)
            if isinstance(node.value, ast.Subscript)
            and (ast.unparse(node.value.slice) == "key" or isinstance(getattr(node.value.value, "func", None), ast.Name)
                 or ast.unparse(node.value.value).isupper())
        ]  # fmt: skip

    assert against(rule, OURS) == {}


UNITS = "app/core/units.py"
DAY = re.compile(r"\b(86_?400|3_?600|1_?440|24 \* 60|60 \* 60|2\*\*[123]0)\b")


def test_seconds_of_a_day_and_bytes_of_a_megabyte_are_written_once() -> None:
    """In code and in statements: everything else takes them from ``app/core/units.py``."""

    def rule(path: Path) -> list[str]:
        sizes = [ast.unparse(node) for node in nodes(path) if isinstance(node, ast.BinOp | ast.Constant)
                 and not isinstance(getattr(node, "value", None), str)]  # fmt: skip
        statements = [text for text in texts(path) if SQL.search(text)]
        return [text for text in (*sizes, *statements) if DAY.search(text.replace(" ** ", "**"))]

    assert against(rule, [path for path in (*MODULES, *WORKERS) if name(path) != UNITS]) == {}


def test_keys_of_versions_are_made_in_one_place() -> None:
    """No ``"gpu:…"`` by hand: ``app/core/version_keys.py`` makes them."""
    key = re.compile(r"(gpu|provider|model|source):(\{|$)")
    paths = [path for path in MODULES if path.name != "version_keys.py"]
    assert against(lambda path: [text for text in texts(path) if key.match(text)], paths) == {}


def test_csv_is_written_where_formulas_are_made_harmless() -> None:
    """``csv.DictWriter`` is for files that this software reads again, or whose rows are the reader's own."""
    paths = [path for path in (*MODULES, *WORKERS) if path.name != "csv_text.py"]
    assert against(lambda path: re.findall(r"csv\.writer\(", path.read_text()), paths) == {}


def test_no_module_is_longer_than_300_lines() -> None:
    assert against(lambda path: path.read_text().splitlines()[300:], MODULES) == {}


def test_no_function_is_50_lines_or_longer() -> None:
    def rule(path: Path) -> list[str]:
        functions = [node for node in nodes(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= 49]

    assert against(rule, [*MODULES, *WORKERS, *sorted((ROOT / "tools").glob("*.py"))]) == {}


def test_scripts_styles_and_templates_keep_to_120_characters() -> None:
    """Ruff holds Python to it."""
    rule = lambda path: [line for line in path.read_text().splitlines() if len(line) > 120]  # noqa: E731
    assert against(rule, NO_PYTHON) == {}


def test_only_the_clock_asks_the_time() -> None:
    asks = {"datetime.now", "datetime.utcnow", "time.time", "date.today", "datetime.today"}

    def rule(path: Path) -> list[str]:
        calls = {ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)}
        return sorted(calls & asks)

    assert against(rule, [path for path in MODULES if path.name != "clock.py"]) == {}


def test_a_migration_is_named_like_no_library() -> None:
    """Piccolo imports migrations by their bare names: one called ``requests`` would stand in that library's place."""
    names = {path.stem for path in (ROOT / "app" / "storage" / "migrations").glob("*.py")} - {"__init__"}
    assert names
    assert names & (sys.stdlib_module_names | packages_distributions().keys()) == set()


def test_each_migration_has_an_id_of_its_own() -> None:
    """Piccolo finds them by it: of two with one id only one would run, and the other's tables be missing."""
    texts = [path.read_text() for path in (ROOT / "app" / "storage" / "migrations").glob("*.py")]
    ids = [line for text in texts for line in text.splitlines() if line.startswith("ID = ")]
    assert len(set(ids)) == len(ids) == len(texts) - 1
