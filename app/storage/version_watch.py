"""Noticing that any process wrote to the SQLite file."""

import sqlite3


class VersionWatch:
    """Notices writes to the file, by any process, and knows the version of every key.

    ``PRAGMA data_version`` costs microseconds and changes when another connection has committed; only then are the
    versions read again.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self._seen = -1
        self._versions: dict[str, int] = {}
        self.lineage = 0

    def start(self) -> None:
        """Nothing has to run: each look reads the file itself."""

    async def written(self) -> int:
        """A number that changes with any write to the file by another connection."""
        return self._written()

    def _written(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def versions(self) -> dict[str, int]:
        """Key → version of every key ever written; the same object until something changes."""
        seen = self._written()
        if seen != self._seen:
            self._seen = seen
            fresh = dict(self._connection.execute("SELECT key, version FROM data_version"))
            if fresh != self._versions:
                self._versions = fresh
        return self._versions

    async def look(self, *, surely: bool = False) -> dict[str, int]:
        """The versions, as they are in the file now."""
        return self.versions()

    def last_known(self) -> None:
        """``None``: a file can always be reached."""

    def close(self) -> None:
        self._connection.close()
