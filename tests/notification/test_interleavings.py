"""A child moves while the police write: in every order of the topics nothing goes to the wrong township (REG-33)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import pytest_asyncio

from schemas.assessment import AssessmentOpened
from schemas.envelope import encode
from schemas.event import Event
from schemas.notification import NotificationSent
from schemas.platform import FactCorrected
from schemas.registry import ChildIdentified, ChildRecordTransferred, ChildRegistered
from schemas.reporting import Ground, PoliceNoticeSent, ReportAccepted, Reporter, ReporterType, ReportFiled
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.bus.port import Record
from services.kernel.hearing.projection import Consumer
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.ring import KeyRing
from services.kernel.people.auth import Tokens
from services.kernel.service import Tools
from services.kernel.store import partition_of
from services.kernel.world import RealWorld
from services.kernel.writing.reactions import Seen
from services.notification.app import Notification, build
from services.registry.founding import body_id, founding_events
from shouwang.embedded import DEMO_COUNTY
from tests.conftest import NewDatabase
from tests.scenario import NOW, some, written

A, B, STATION = body_id("township-a"), body_id("township-b"), body_id("station-a")
CHILD, FILE, FIRST, SECOND, ASSESSMENT = map(some, range(1, 6))
OLD, NEW = "990101001001", "990101002001"
STORES = {name: uuid4() for name in ("registry", "reporting", "assessment")}
ABOUT: dict[str, Any] = {"child": CHILD, "report": some(7), "incident": some(8)}
TABLES = (
    "event",
    "claim",
    "command",
    "feed",
    "heard",
    "disclosed",
    "access",
    "moved",
    "duty",
    "checkpoint",
    "parked",
    "relay",
)


def notice(which: UUID, recipient: UUID, region: str) -> PoliceNoticeSent:
    return PoliceNoticeSent(
        **ABOUT, notice=which, region=region, flow=("F_12",), sender=STATION, recipient=recipient, name="小禾",
        grounds=(Ground.LIVING_ALONE,), steps=("ACCEPTED",),
    )  # fmt: skip


History = dict[str, list[tuple[Event, str | None]]]
HISTORY: History = {
    "registry": [
        (ChildIdentified(child=CHILD, file=FILE, region=OLD, basis=("HOME_VISIT",)), None),
        (
            ChildRecordTransferred(
                child=CHILD, transfer=some(9), region=NEW, previous_region=OLD, sender=A, receiver=B
            ),
            None,
        ),
    ],
    "reporting": [
        (
            ReportFiled(
                **ABOUT, region=OLD, police=STATION, reporter=some(10), grounds=(Ground.LIVING_ALONE,), found_at=NOW,
                reported_by=Reporter(type=ReporterType.MANDATORY),
            ),
            None,
        ),
        (ReportAccepted(**ABOUT, region=OLD, unit=STATION), None),
        (notice(FIRST, A, OLD), None),
        # Written by a service that had heard of the transfer: it says so, and names the new township.
        (notice(SECOND, B, NEW), "registry:2"),
    ],
    "assessment": [
        (
            AssessmentOpened(
                child=CHILD, assessment=ASSESSMENT, notice=FIRST, incident=some(8), region=OLD, lead=A, members=()
            ),
            "reporting:3",
        ),
    ],
}  # fmt: skip


def records(history: History = HISTORY) -> dict[str, list[Record]]:
    """The topics of the step, as the relays would publish them."""
    made: dict[str, list[Record]] = {}
    for place, (source, events) in enumerate(history.items()):
        for seq, (event, after) in enumerate(events, 1):
            at = NOW + timedelta(minutes=place * 10 + seq)
            envelope, blocks = written(event, some(1000 + 100 * place + seq), at=at)
            envelope = msgspec.structs.replace(envelope, after=after)
            made.setdefault(source, []).append(
                Record(
                    source=source, partition=partition_of(str(CHILD)), seq=seq, prev=seq - 1, store=STORES[source],
                    key=str(CHILD), value=encode(envelope), blocks=blocks,
                )
            )  # fmt: skip
    return made


def merges(left: dict[str, int]) -> Iterator[list[str]]:
    """Every order in which the topics can be read, each topic in its own order."""
    if not any(left.values()):
        yield []
    for source, count in left.items():
        if count:
            for rest in merges(left | {source: count - 1}):
                yield [source, *rest]


ORDERS = list(merges({source: len(events) for source, events in HISTORY.items()}))


@dataclass
class Bench:
    """A notification service on a real database, whose bus is filled by hand."""

    service: Notification
    bus: EmbeddedBus

    async def hear(
        self, order: Sequence[str], *, at_once: bool = False, history: History = HISTORY
    ) -> dict[str, Any]:
        """Hear the topics in this order, record by record or in one batch, from nothing; returns what came of it."""
        database = self.service.tools.database
        for table in TABLES:
            await database.fetch(f"delete from {table}")
        await database.fetch("update store set head = 0")
        await database.fetch("update feed_head set head = 0")
        await self.bus.wipe()
        router = next(c for c in self.service.consumers if c.name == "notification.router")
        router.places = {}
        left = {source: list(told) for source, told in records(history).items()}
        told = [left[source].pop(0) for source in order]
        if at_once:
            for record in told:
                await self.bus.publish(record.source, [record])
        await self.service.start()
        for record in told:
            if not at_once:
                await self.bus.publish(record.source, [record])
            await self._until(lambda r=record: router.places.get((r.source, r.partition), 0) >= r.seq)
        await self._settled(router)
        found = await self.found()
        await self.service.stop_loops()
        return found

    async def found(self) -> dict[str, Any]:
        fetch = self.service.tools.database.fetch
        feed = await fetch("select f.agency, f.event, h.envelope from feed f join heard h using (event)")
        told = {(r["agency"], r["event"]) for r in feed}
        sent = [msgspec.json.decode(r["envelope"]) for r in feed]
        made = [msgspec.json.decode(r[0]) for r in await fetch("select envelope from event order by seq")]
        return {
            "rests_on": [(e["id"], e["type"], e["after"]) for e in made],
            "told": told,
            "notices": sorted(
                {
                    (e["data"]["notice"], e["data"]["recipient"])
                    for e in sent if e["type"] == NotificationSent.type
                }
            ),
            "roles": sorted((str(r["agency"]), r["role"]) for r in await fetch("select agency, role from access")),
            "owes": sorted((str(r["about"]), str(r["owed_by"])) for r in await fetch("select about, owed_by from duty")),
        }  # fmt: skip

    async def _settled(self, router: Consumer) -> None:
        fetch = self.service.tools.database.fetch

        async def done() -> bool:
            heads = await fetch("select partition, max(seq) from event group by partition")
            return not router.parked and all(
                router.places.get(("notification", r[0]), 0) >= r[1] for r in heads
            )

        async with asyncio.timeout(20):
            while not await done():
                await asyncio.sleep(0.005)

    async def _until(self, holds: Any) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)


class Still(RealWorld):
    """Time stands: on a slow machine, too, nothing falls due while the topics are heard."""

    def now(self) -> datetime:
        return NOW


@pytest_asyncio.fixture(loop_scope="session")
async def bench(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Bench]:
    world, bus = Still(), EmbeddedBus()
    keys = KeyRing(tmp_path / "keys.sqlite", "passphrase", world)
    database = await new_database("notification")
    service = build(Tools(database, bus, keys, AesGcm(world), world, Tokens("s" * 32), "s"))
    for seq, event in enumerate(founding_events(DEMO_COUNTY), 1):
        kind = event.type.split(".")[1].split("-")[0].replace("policy", "pack")
        service.reference._take(kind, event.split()[0], seq)
    yield Bench(service, bus)
    keys.close()


SECOND_NOTICE = some(1000 + 100 * 1 + 4)


def wrong(found: dict[str, Any]) -> list[str]:
    """Name what went to the wrong township."""
    went = [f"the second notice was told to {a}" for a in (A,) if (a, SECOND_NOTICE) in found["told"]]
    went += [
        "the second notice was sent to A" for n, r in found["notices"] if (n, r) == (str(SECOND), str(A))
    ]
    went += [f"A still is {role}" for agency, role in found["roles"] if agency == str(A)]
    return went + [f"A still owes {about}" for about, owed_by in found["owes"] if owed_by == str(A)]


@pytest.mark.req("REG-33")
@pytest.mark.req("PLT-08")
async def test_in_every_order_of_the_topics_the_new_township_has_the_case_and_the_old_one_nothing(
    bench: Bench,
) -> None:
    assert len(ORDERS) == 105
    ends = set()
    for order in ORDERS:
        found = await bench.hear(order)
        assert wrong(found) == [], order
        assert (B, SECOND_NOTICE) in found["told"], order
        ends.add((tuple(found["roles"]), tuple(found["owes"])))
    assert len(ends) == 1, "every order ends the same"
    ((roles, owes),) = ends
    assert (str(B), "responder") in roles
    assert {owed_by for about, owed_by in owes if about in {str(FIRST), str(SECOND), str(ASSESSMENT)}} == {
        str(B)
    }


@pytest.mark.req("PLT-08")
async def test_a_consumer_that_ignores_what_an_event_waits_for_is_caught(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Consumer, "_unmet", lambda *_: {})
    early = ["reporting"] * 4 + ["assessment", "registry", "registry"]
    assert "the second notice was told to " + str(A) in wrong(await bench.hear(early))


IN_ORDER = ["registry"] * 2 + ["reporting"] * 4 + ["assessment"]


@pytest.mark.req("PRV-01")
async def test_what_an_event_says_it_rests_on_does_not_depend_on_how_the_bus_cut_its_batches(
    bench: Bench,
) -> None:
    """Else two histories that differ in nothing would differ in bytes, by chance."""
    one_by_one = (await bench.hear(IN_ORDER))["rests_on"]
    assert len(one_by_one) > 10
    assert (await bench.hear(IN_ORDER, at_once=True))["rests_on"] == one_by_one


@pytest.mark.req("PRV-01")
async def test_a_reaction_that_names_its_own_cause_alone_is_caught(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what came earlier in the same batch is forgotten."""
    monkeypatch.setattr(Seen, "hear", lambda _, record: {record.source: record.seq})
    one_by_one = (await bench.hear(IN_ORDER))["rests_on"]
    assert (await bench.hear(IN_ORDER, at_once=True))["rests_on"] != one_by_one


@pytest.mark.req("PLT-02")
async def test_whoever_was_told_what_is_wrong_is_told_of_the_correction_also_in_the_batch_of_both(
    bench: Bench,
) -> None:
    """A registered the child, hands it over, and may no longer read its right name."""
    wrong_one, right = some(1001), some(1003)
    registered = ChildRegistered(child=CHILD, region=OLD, name="小何")
    corrected = FactCorrected(
        child=CHILD, region=NEW, corrects=wrong_one, corrects_type=registered.type, field="name", person=CHILD,
        basis="ID_CARD_SEEN", name="小禾",
    )  # fmt: skip
    history = {"registry": [(registered, None), HISTORY["registry"][1], (corrected, None)]}
    for at_once in (False, True):
        told = (await bench.hear(["registry"] * 3, at_once=at_once, history=history))["told"]
        assert {(A, wrong_one), (A, right), (B, right)} <= told, at_once
