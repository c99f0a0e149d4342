"""Servers that a scenario may break without breaking those of other tests."""

from collections.abc import Iterator

import pytest

from infra.postgres import Postgres
from tests.faults.harness.run import folder


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own."""
    with folder() as home, Postgres(home / "postgres") as server:
        yield server
