"""Servers that a scenario may break without breaking those of other tests."""

from collections.abc import Iterator

import pytest

from infra.kafka import Kafka
from infra.postgres import Postgres
from tests.helpers import new_folder


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own."""
    with new_folder(on_disk=True) as home, Postgres(home / "postgres") as server:
        yield server


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker of this test's own: its topics hold records of no other store."""
    with new_folder(on_disk=True) as home, Kafka(home / "kafka") as server:
        yield server
