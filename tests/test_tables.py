"""The classes of the tables say what the migrated database holds."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from piccolo.columns import ForeignKey, Serial
from piccolo.columns.base import Column
from piccolo.table import Table

from app.core.settings import load
from app.privacy.requests import cases
from app.process import prepare
from app.process.tables import APP_CONFIG
from app.storage import engine, sqlite
from app.storage.migrations import case_event_numbers
from tests.database import tuples

CLASSES = {table._meta.tablename: table for table in APP_CONFIG.table_classes}


def kept_as(stated: str) -> str:
    """What SQLite keeps under a type: its affinity, and the length of a text as it is stated."""
    length = re.search(r"\((\d+)\)", stated)
    for part, kind in (
        ("INT", "integer"),
        ("BOOL", "integer"),
        ("CHAR", "text"),
        ("TEXT", "text"),
        ("REAL", "real"),
        ("DOUB", "real"),
    ):
        if part in stated.upper():
            return f"{kind} {length[1]}" if length else kind
    return "bytes"


def in_class(column: Column) -> tuple[str, bool, bool]:
    stated = "INTEGER" if isinstance(column, Serial) else column.column_type
    return kept_as(stated), not column._meta.null, column._meta.primary_key


@pytest.fixture(scope="module")
def database(prepared_data: Path) -> Path:
    sqlite.use(prepared_data / "inferencebench.sqlite")
    return prepared_data


def asked(sql: str) -> list[tuple[Any, ...]]:
    return engine.run(tuples(sql))


def test_every_table_has_its_class(database: Path) -> None:
    names = {name for (name,) in asked("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names - {"migration", "sqlite_sequence"} == set(CLASSES)


@pytest.mark.parametrize("table", CLASSES.values(), ids=lambda table: table._meta.tablename)
def test_a_class_has_the_columns_of_its_table(database: Path, table: type[Table]) -> None:
    name = table._meta.tablename
    unique = {}
    for _, index, is_unique, *_ in asked(f"PRAGMA index_list({name})"):
        if is_unique:
            unique[index] = {column for _, _, column in asked(f"PRAGMA index_info({index})")}
    kept = {
        column: (kept_as(stated), bool(not_null), bool(key))
        for _, column, stated, not_null, _, key in asked(f"PRAGMA table_info({name})")
    }
    said = {column._meta.db_column_name: in_class(column) for column in table._meta.columns}
    key = {column for column, (_, _, is_key) in said.items() if is_key}
    if not any(is_key for _, _, is_key in kept.values()):  # then a unique index is the key
        assert key in unique.values()
        kept = {column: (*of, column in key) for column, (*of, _) in kept.items()}  # type: ignore[misc]
    assert {column: (kind, null or is_key, is_key) for column, (kind, null, is_key) in kept.items()} == said
    assert {frozenset(columns) for columns in unique.values()} >= {
        frozenset((column._meta.db_column_name,)) for column in table._meta.columns if column._meta.unique
    }
    leads = {
        (column, target, rule) for _, _, target, column, _, _, rule, _ in asked(f"PRAGMA foreign_key_list({name})")
    }
    assert leads == {
        (c._meta.db_column_name, c._foreign_key_meta.resolved_references._meta.tablename,
         c._foreign_key_meta.on_delete.value)
        for c in table._meta.columns if isinstance(c, ForeignKey)
    }  # fmt: skip


def test_events_and_decisions_of_an_older_database_keep_their_order(prepared_data: Path, tmp_path: Path) -> None:
    data = shutil.copytree(prepared_data, tmp_path / "d")
    settings = load({"INFERENCEBENCH_DATA_DIR": str(data)})
    with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as old:
        old.executescript(f"""
            DROP INDEX case_event_by_number;
            ALTER TABLE case_event DROP COLUMN number;
            CREATE INDEX case_event_by_reference ON case_event (reference);
            DROP TABLE moderation;
            CREATE TABLE moderation (at INTEGER NOT NULL, submission VARCHAR(16) NOT NULL, kind VARCHAR(12) NOT NULL,
                action VARCHAR(12) NOT NULL, reason VARCHAR(300) NOT NULL);
            DELETE FROM migration WHERE name = '{case_event_numbers.ID}';
            INSERT INTO privacy_case (reference, kind, proposed, law, received_at, deadline_at, state, address, way,
                last_heard_at) VALUES ('PA', 'k', 'k', 'l', 1, 1, 's', '', '', 1), ('PB', 'k', 'k', 'l', 1, 1, 's', '',
                '', 1);
            INSERT INTO case_event (reference, at, what) VALUES ('PA', 5, 'z'), ('PB', 5, 'y'), ('PA', 5, 'a');
            INSERT INTO moderation VALUES (7, 'one', 'price', 'approve', 'r'), (3, 'two', 'price', 'reject', 's');
        """)
    prepare.prepare(settings)
    sqlite.use(settings.database_path)

    async def noted() -> list[str]:
        async with sqlite.transaction():
            await cases.note("PA", "last")
        return [what for _, what in await cases.events("PA")][:2]

    assert engine.run(noted()) == ["z", "a"]
    assert asked("SELECT number, what FROM case_event WHERE reference = 'PA' ORDER BY number")[-1] == (2, "last")
    assert asked("SELECT id, at, submission FROM moderation ORDER BY id") == [(1, 7, "one"), (2, 3, "two")]
