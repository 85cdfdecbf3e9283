"""The arrows of the house point one way."""

import ast
import re
import sys
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

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


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def reaches(imported: set[str], target: str) -> bool:
    return any(module == target or module.startswith(f"{target}.") for module in imported)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_in_app_imports_workers(path: Path) -> None:
    assert not reaches(imports(path), "workers")


def test_no_module_imports_itself_through_others() -> None:
    """Also within functions, and by a name that ``import_module`` is given: a circle is one wherever it is closed."""
    paths = [*MODULES, *WORKERS]
    known = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    named = {
        module: {
            node.args[0].value for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
            and isinstance(node.args[0], ast.Constant)
        } for module, path in known.items()
    }  # fmt: skip
    graph = {module: ((imports(path) | named[module]) & known.keys()) - {module} for module, path in known.items()}
    assert sum(map(len, graph.values())) > len(graph)
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which tells the modules


@pytest.mark.parametrize("path", [ROOT / pure for pure in PURE], ids=name)
def test_pure_modules_do_no_io(path: Path) -> None:
    assert not [banned for banned in NO_IO if reaches(imports(path), banned)]


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.name in ("store.py", "tables.py", "replace_offers.py")], ids=name
)
def test_stores_know_nothing_of_http_or_html(path: Path) -> None:
    assert not [up for up in ("litestar", "jinja2", "app.web", "app.site.routes") if reaches(imports(path), up)]


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


def texts(path: Path) -> list[str]:
    """The strings of a module that are no docstrings; one that is put together counts whole."""
    tree = ast.parse(path.read_text())
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [p for p in (*MODULES, *WORKERS) if not is_store(p) and "storage" not in p.parts and name(p) != READS_DUMPS],
    ids=name,
)
def test_statements_stand_in_stores_only(path: Path) -> None:
    assert [text for text in texts(path) if SQL.search(text)] == []


@pytest.mark.parametrize("path", [p for p in MODULES if is_store(p)], ids=name)
def test_statements_are_templates_that_either_engine_takes(path: Path) -> None:
    """Values are never put into a statement, and nothing is said that SQLite alone understands."""
    assert [text for text in texts(path) if ONE_ENGINE_ONLY.search(text)] == []


@pytest.mark.parametrize("path", [p for p in (*MODULES, *WORKERS) if "storage" not in p.parts], ids=name)
def test_what_one_engine_does_stands_in_storage(path: Path) -> None:
    of_one = ("sqlite3", "aiosqlite", "asyncpg", "app.storage.sqlite", "app.storage.write_ahead_log",
              "app.storage.postgres", "app.storage.postgres_engine", "app.storage.postgres_watch")  # fmt: skip
    assert [module for module in of_one if reaches(imports(path), module)] == []


@pytest.mark.parametrize(
    "path", [p for p in (*MODULES, *WORKERS) if "result_files" not in p.parts], ids=name
)  # a result file is what strangers make it
def test_rows_are_read_by_name(path: Path) -> None:
    """No ``row[4]``: what a row holds is a record with names."""
    numbered = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)
        and ((isinstance(node.value, ast.Name) and node.value.id == "row")
             or (isinstance(node.value, ast.Subscript) and ast.unparse(node.value).startswith("rows[")))
    ]  # fmt: skip
    assert numbered == []


@pytest.mark.parametrize("path", [p for p in (*MODULES, *WORKERS) if "result_files" not in p.parts], ids=name)
def test_what_a_table_holds_is_read_by_name(path: Path) -> None:
    """No ``SORTS[name][1]`` and no ``best[key][0]``: what a table or a dictionary holds is a record with names too."""
    numbered = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, int) and isinstance(node.value, ast.Subscript)
        and (ast.unparse(node.value.slice) == "key" or isinstance(getattr(node.value.value, "func", None), ast.Name)
             or ast.unparse(node.value.value).isupper())
    ]  # fmt: skip
    assert numbered == []


UNITS = "app/core/units.py"
DAY = re.compile(r"\b(86_?400|3_?600|1_?440|24 \* 60|60 \* 60|2\*\*[123]0)\b")


@pytest.mark.parametrize("path", [p for p in (*MODULES, *WORKERS) if name(p) != UNITS], ids=name)
def test_seconds_of_a_day_and_bytes_of_a_megabyte_are_written_once(path: Path) -> None:
    """In code and in statements: everything else takes them from ``app/core/units.py``."""
    tree = ast.parse(path.read_text())
    sizes = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.BinOp | ast.Constant)
             and not isinstance(getattr(node, "value", None), str)]  # fmt: skip
    statements = [text for text in texts(path) if SQL.search(text)]
    assert [text for text in (*sizes, *statements) if DAY.search(text.replace(" ** ", "**"))] == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "version_keys.py"], ids=name)
def test_keys_of_versions_are_made_in_one_place(path: Path) -> None:
    """No ``"gpu:…"`` by hand: ``app/core/version_keys.py`` makes them."""
    assert [text for text in texts(path) if re.match(r"(gpu|provider|model|source):(\{|$)", text)] == []


@pytest.mark.parametrize("path", [p for p in (*MODULES, *WORKERS) if p.name != "csv_text.py"], ids=name)
def test_csv_is_written_where_formulas_are_made_harmless(path: Path) -> None:
    """``csv.DictWriter`` is for files that this software reads again, or whose rows are the reader's own."""
    assert "csv.writer(" not in path.read_text()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_is_longer_than_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", [*MODULES, *WORKERS, *sorted((ROOT / "tools").glob("*.py"))], ids=name)
def test_no_function_is_50_lines_or_longer(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]  # fmt: skip
    assert [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= 49] == []


@pytest.mark.parametrize("path", NO_PYTHON, ids=name)
def test_scripts_styles_and_templates_keep_to_120_characters(path: Path) -> None:
    """Ruff holds Python to it."""
    assert [line for line in path.read_text().splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "clock.py"], ids=name)
def test_only_the_clock_asks_the_time(path: Path) -> None:
    for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
        assert ast.unparse(call.func) not in (
            "datetime.now",
            "datetime.utcnow",
            "time.time",
            "date.today",
            "datetime.today",
        )


@pytest.mark.parametrize(
    "path", [p for p in (ROOT / "app" / "storage" / "migrations").glob("*.py") if p.stem != "__init__"], ids=name
)
def test_a_migration_is_named_like_no_library(path: Path) -> None:
    """Piccolo imports migrations by their bare names: one called ``requests`` would stand in that library's place."""
    assert path.stem not in sys.stdlib_module_names
    assert path.stem not in packages_distributions()


def test_each_migration_has_an_id_of_its_own() -> None:
    """Piccolo finds them by it: of two with one id only one would run, and the other's tables be missing."""
    texts = [path.read_text() for path in (ROOT / "app" / "storage" / "migrations").glob("*.py")]
    ids = [line for text in texts for line in text.splitlines() if line.startswith("ID = ")]
    assert len(set(ids)) == len(ids) == len(texts) - 1
