"""What tests of reports share."""

from collections.abc import Iterator

import pytest

from app.storage import engine
from tests.conftest import Inside


@pytest.fixture
def house(inside: Inside) -> Iterator[Inside]:
    """A site whose limits don't stand in the way of a test."""
    for limit in inside.limits().values():
        limit.most = 10**6
    yield inside
    engine.use(inside.settings.database)
