"""Records as reporting publishes them, as far as the live service reads them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from schemas.envelope import Envelope, encode
from services.kernel.bus.port import Record
from services.kernel.writing.recording import stamp

NOW = datetime(2026, 11, 4, 4, 30, tzinfo=UTC)


def envelope_of(event_type: str, region: str, at: datetime) -> bytes:
    told: dict[str, Any] = dict.fromkeys(
        ("id", "source", "subject", "time", "actor", "purpose", "orderkey", "correlationid"), "x"
    )
    return encode(Envelope(type=event_type, recordedat=stamp(at), data={"region": region}, **told))


def record(source: str, seq: int, value: bytes) -> Record:
    return Record(source, seq % 24, seq, 0, UUID(int=1), f"child-{seq}", value)
