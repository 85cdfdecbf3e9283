"""The errors that this software raises on purpose. Each text says what the reader can do."""


class InferenceBenchError(Exception):
    """The base of every error that this software raises on purpose."""


class SettingError(InferenceBenchError):
    """A setting has a wrong value; the text names the variable, the fault and an example."""


class DatabaseError(InferenceBenchError):
    """The database can't be opened or brought up to date."""


class DatabaseAwayError(DatabaseError):
    """The database's server can't be reached or asked right now; nothing is wrong with what it holds. Status 503."""


class DatabaseFullError(DatabaseAwayError):
    """The database's server has no room to write."""


class BusyFolderError(InferenceBenchError):
    """Another process uses the data folder; the text says which, or what to do."""


class CatalogueError(InferenceBenchError):
    """A shipped fact file contradicts itself."""


class QueryError(InferenceBenchError):
    """A request parameter is wrong.

    ``parameter`` is its name, ``hint`` says what would work, ``status`` is the HTTP status to answer with.
    """

    def __init__(self, parameter: str, message: str, hint: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message
        self.hint = hint
        self.status = status


class NotFoundError(InferenceBenchError):
    """What an address names does not exist; ``suggestions`` are (label, address) pairs that do."""

    def __init__(self, message: str, suggestions: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.suggestions = suggestions


class ConflictError(InferenceBenchError):
    """The request can't be carried out in the current state; the text says why. Status 409."""


class UnavailableError(InferenceBenchError):
    """Something that the answer needs is not available right now, such as disk space. Status 503."""


class BusyError(InferenceBenchError):
    """Too many pages are being rendered at once; the client should try again in a moment."""


class ForbiddenError(InferenceBenchError):
    """A post that another site's page made a browser send."""


class TooLargeError(InferenceBenchError):
    """A request body larger than any valid one."""
