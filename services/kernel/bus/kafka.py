"""The bus on Apache Kafka: idempotent producer, whole batches a partition, consumers to whom offsets are hints."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    OffsetAndMetadata,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from services.kernel.bus.port import REFERENCE, BusDown, Checkpoint, Log, Record, topic_of
from services.kernel.telemetry import log
from services.kernel.waiting import end_if_cancelled

_DELIVERY_SECONDS = 30
_IDLE_MS = 1000
_MARK_SECONDS = 5.0
_ASKING_SECONDS = 15.0


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


class NotOnUvloop(Exception):  # noqa: N818
    """Kafka 客户端须在 asyncio 自带的事件循环上运行。 · Kafka clients run on asyncio's own loop.

    uvloop raises where a closed connection is written to; aiokafka expects silence there, and its task that learns of
    the cluster ends. The client then waits for ever, also when it is to stop.
    """


async def _start(client: Any) -> None:
    """Connect, or leave nothing of it open. Raises NotOnUvloop."""
    if type(asyncio.get_running_loop()).__module__.startswith("uvloop"):
        raise NotOnUvloop
    try:
        await client.start()
    except BaseException:
        await client.stop()
        end_if_cancelled()
        raise


@asynccontextmanager
async def _asking(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    async with asyncio.timeout(_ASKING_SECONDS):
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


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
        try:
            async with _asking(self._bootstrap) as admin:
                return str((await admin.describe_cluster())["cluster_id"])
        except (KafkaError, OSError) as error:
            raise BusDown from error

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
        self, group: str, sources: Sequence[str], known: Mapping[str, Checkpoint] | None = None, /
    ) -> "KafkaSubscription":
        """Join the group; range assignment gives one member the same partitions of all topics."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=group,
            group_instance_id=f"{group}-{self._instance}", enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=100,
            partition_assignment_strategy=(RangePartitionAssignor,), session_timeout_ms=10_000,
            max_partition_fetch_bytes=4 << 20, metadata_max_age_ms=10_000,
        )  # fmt: skip
        subscription = KafkaSubscription(consumer, {topic_of(s): s for s in sources})
        begin = _Begin(consumer, self._bootstrap, group, subscription, known or {})
        consumer.subscribe([topic_of(s) for s in sources], listener=begin)
        try:
            await _start(consumer)
        except (KafkaError, OSError) as error:
            raise BusDown from error
        return subscription

    async def close(self) -> None:
        """Flush and disconnect."""
        await self._drop(self._producer)


class _Begin(ConsumerRebalanceListener):  # type: ignore[misc]
    """Puts a member where it may begin to read, each time that it is given partitions."""

    def __init__(
        self, consumer: Any, bootstrap: str, group: str, subscription: "KafkaSubscription",
        known: Mapping[str, Checkpoint],
    ) -> None:  # fmt: skip
        self._consumer = consumer
        self._bootstrap = bootstrap
        self._group = group
        self._subscription = subscription
        self._known = known

    async def on_partitions_revoked(self, _revoked: Sequence[TopicPartition]) -> None:
        """Mark nothing of what was read: it may have been a broker's that is gone, whose offsets mean nothing now."""
        self._subscription.forget()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Seek: to a hint that holds for what is known, else to the oldest."""
        self._subscription.forget()
        cluster, hints = await self._asked()
        self._subscription.cluster = cluster
        held = {tp for tp in assigned if tp in hints and self._holds(tp, cluster, hints[tp].metadata)}
        for tp in held:
            self._consumer.seek(tp, hints[tp].offset)
        if rest := set(assigned) - held:
            await self._consumer.seek_to_beginning(*rest)

    async def _asked(self) -> tuple[str, Mapping[TopicPartition, OffsetAndMetadata]]:
        """Ask the broker which cluster it is and for its hints: one that was wiped has none, or such as came too late."""
        try:
            async with _asking(self._bootstrap) as admin:
                cluster = str((await admin.describe_cluster())["cluster_id"])
                return cluster, dict(await admin.list_consumer_group_offsets(self._group))
        except (KafkaError, OSError):
            return "", {}

    def _holds(self, tp: TopicPartition, cluster: str, told: str) -> bool:
        checkpoint = self._known.get(self._subscription.sources[tp.topic])
        of, store, seq = (*told.split(" "), "", "")[:3]
        return (
            checkpoint is not None and bool(cluster) and of == cluster and str(checkpoint.store) == store
            and checkpoint.places.get(tp.partition, 0) >= int(seq)
        )  # fmt: skip


class KafkaSubscription:
    """A group member. The checkpoint beside the rows says what is news; committed offsets are hints where to begin.

    Beside an offset stands up to which seq of which store all was known when it was committed, and on which cluster:
    whoever knows that much may begin there. Rows that were restored from an older backup know less, and are read for
    from the oldest. A commit goes on until a broker takes it, which may be one that was wiped meanwhile.
    """

    def __init__(self, consumer: Any, sources: dict[str, str]) -> None:
        """Wrap a consumer that is about to start."""
        self._consumer = consumer
        self.sources = sources
        self.cluster = ""
        """Which cluster it reads; unknown where the broker did not say."""
        self._read: dict[TopicPartition, int] = {}
        self._marked = time.monotonic()

    async def batch(self) -> list[Record]:
        """Return what came within a second."""
        try:
            found = await self._consumer.getmany(timeout_ms=_IDLE_MS, max_records=5000)
        except (KafkaError, OSError) as error:
            raise BusDown from error
        self._read.update({tp: messages[-1].offset + 1 for tp, messages in found.items()})
        return [_record(self.sources[tp.topic], m) for tp, messages in found.items() for m in messages]

    def forget(self) -> None:
        """Forget what was read and not marked."""
        self._read.clear()

    async def mark(self, known: Callable[[], Mapping[str, Checkpoint]]) -> None:
        """Commit how far it read, now and then; a hint that is lost costs time alone."""
        if time.monotonic() - self._marked < _MARK_SECONDS or not self._read:
            return
        self._marked = time.monotonic()
        hints, places = {}, known()
        for tp, offset in self._read.items():
            if (checkpoint := places.get(self.sources[tp.topic])) and tp in self._consumer.assignment():
                told = f"{self.cluster} {checkpoint.store} {checkpoint.places.get(tp.partition, 0)}"
                hints[tp] = OffsetAndMetadata(offset, told)
        self._read.clear()
        with suppress(KafkaError, OSError):
            await self._consumer.commit(hints)

    async def rewind(self) -> None:
        """Read all of its partitions again from the oldest."""
        assigned: set[TopicPartition] = self._consumer.assignment()
        if assigned:
            await self._consumer.seek_to_beginning(*assigned)

    async def close(self) -> None:
        """Leave the group."""
        await self._consumer.stop()
        end_if_cancelled()
