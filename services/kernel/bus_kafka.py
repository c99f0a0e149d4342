"""The bus on Apache Kafka: idempotent producer, whole batches a partition, consumers that trust no offset."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from services.kernel.bus import REFERENCE, BusDown, Checkpoint, Log, Record, topic_of
from services.kernel.telemetry import log
from services.kernel.waiting import end_if_cancelled

_DELIVERY_SECONDS = 30
_IDLE_MS = 1000


def _headers(record: Record) -> list[tuple[str, bytes]]:
    told = {"seq": str(record.seq), "prev": str(record.prev), "store": str(record.store)} | record.headers
    return [(name, value.encode()) for name, value in told.items()] + [("sealed", record.blocks)]


def _record(source: str, message: Any) -> Record:
    headers = dict(message.headers)
    extra = {k: v.decode() for k, v in headers.items() if k not in {"seq", "prev", "store", "sealed"}}
    return Record(
        source=source, partition=message.partition, seq=int(headers["seq"]), prev=int(headers["prev"]),
        store=UUID(headers["store"].decode()), key=(message.key or b"").decode(), value=message.value,
        blocks=headers.get("sealed", b""), headers=extra,
    )  # fmt: skip


async def _start(client: Any) -> None:
    """Connect, or leave nothing of it open."""
    try:
        await client.start()
    except BaseException:
        await client.stop()
        end_if_cancelled()
        raise


class KafkaBus:
    """A broker behind `bootstrap`. Topics are made by infra beforehand."""

    def __init__(self, bootstrap: str, instance: str = "1") -> None:
        """Connect when first used. `instance` tells processes of the same service apart.

        Members are static (KIP-345): a process that starts again takes the place of the one that died at once, also
        where that one died while it joined, which the broker else waits out for five minutes.
        """
        self._bootstrap = bootstrap
        self._instance = instance
        self._producer: Any = None
        self._starting = asyncio.Lock()

    async def identity(self) -> str:
        """Return the cluster's id: a wiped broker has another."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            return str((await admin.describe_cluster())["cluster_id"])
        except (KafkaError, OSError) as error:
            raise BusDown from error
        finally:
            await admin.close()

    async def publish(self, source: str, records: Sequence[Record]) -> None:
        """Send each partition's records as whole batches and wait for every delivery report."""
        producer = None
        try:
            producer = await self._started()
            by_partition: dict[int, list[Record]] = {}
            for record in records:
                by_partition.setdefault(0 if source == REFERENCE else record.partition, []).append(record)
            async with asyncio.timeout(_DELIVERY_SECONDS):
                await asyncio.gather(
                    *(self._send(producer, source, p, told) for p, told in by_partition.items())
                )
        except (KafkaError, OSError, TimeoutError) as error:
            await self._drop(producer)
            raise BusDown from error

    async def _started(self) -> Any:
        """Return the producer; two relays that share this bus share it too, also where both come first."""
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap, enable_idempotence=True, acks="all",
                    max_batch_size=1 << 20, max_request_size=4 << 20,
                )  # fmt: skip
                await _start(producer)
                self._producer = producer
            return self._producer

    @staticmethod
    async def _send(producer: Any, source: str, partition: int, records: list[Record]) -> None:
        left = list(records)
        while left:
            batch = producer.create_batch()
            while left and batch.append(
                key=left[0].key.encode(), value=left[0].value, timestamp=None, headers=_headers(left[0])
            ):
                left.pop(0)
            batch.close()
            delivered = await producer.send_batch(batch, topic_of(source), partition=partition)
            await delivered

    async def _drop(self, producer: Any) -> None:
        """Stop a producer that failed; who comes next starts another."""
        if producer is not None and producer is self._producer:
            self._producer = None
            try:
                async with asyncio.timeout(5):
                    await producer.stop()
            except (KafkaError, OSError, TimeoutError):
                log.warning("producer.left_behind")
            end_if_cancelled()

    def lend(self, source: str, log: Log) -> None:
        """A broker keeps all that it was given."""

    async def subscribe(
        self, group: str, sources: Sequence[str], _known: Mapping[str, Checkpoint] | None = None, /
    ) -> "KafkaSubscription":
        """Join the group; range assignment gives one member the same partitions of all topics."""
        consumer = AIOKafkaConsumer(
            *(topic_of(s) for s in sources), bootstrap_servers=self._bootstrap, group_id=group,
            group_instance_id=f"{group}-{self._instance}", enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=100,
            partition_assignment_strategy=(RangePartitionAssignor,), session_timeout_ms=10_000,
            max_partition_fetch_bytes=4 << 20, metadata_max_age_ms=10_000,
        )  # fmt: skip
        try:
            await _start(consumer)
        except (KafkaError, OSError) as error:
            raise BusDown from error
        return KafkaSubscription(consumer, {topic_of(s): s for s in sources})

    async def close(self) -> None:
        """Flush and disconnect."""
        await self._drop(self._producer)


class KafkaSubscription:
    """A group member that reads from the oldest record: the checkpoint beside the rows says what is news."""

    def __init__(self, consumer: Any, sources: dict[str, str]) -> None:
        """Wrap a started consumer."""
        self._consumer = consumer
        self._sources = sources

    async def batch(self) -> list[Record]:
        """Return what came within a second."""
        try:
            found = await self._consumer.getmany(timeout_ms=_IDLE_MS, max_records=5000)
        except (KafkaError, OSError) as error:
            raise BusDown from error
        return [_record(self._sources[tp.topic], m) for tp, messages in found.items() for m in messages]

    async def rewind(self) -> None:
        """Read all of its partitions again from the oldest."""
        assigned: set[TopicPartition] = self._consumer.assignment()
        if assigned:
            await self._consumer.seek_to_beginning(*assigned)

    async def close(self) -> None:
        """Leave the group."""
        await self._consumer.stop()
        end_if_cancelled()
