"""Bugs to plant: each is a few edits of our own sources, in memory, and the scenario whose checker must find it."""

from collections.abc import Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """In this file, this text (there once) becomes that."""

    file: str
    old: str
    new: str


class Bug(NamedTuple):
    """What it does wrong, and where it must be found."""

    scenario: str
    what: str
    edits: Sequence[Edit]


_STORE, _SQL = "services/kernel/store.py", "services/kernel/migrations/003_append.sql"
_TABLES = "services/kernel/migrations/001_store.sql"
_CONSUMER, _RELAY = "services/kernel/hearing/projection.py", "services/kernel/bus/relay.py"

BUGS = {
    "key-forgotten": Bug(
        "postgres", "an idempotency key is not stored with its events",
        [Edit(_SQL, "(key, body, answer, before) where c.key is not null", "(key, body, answer, before) where false")],
    ),
    "repeat-without-key": Bug(
        "postgres", "what got no answer is asked again without its key",
        [Edit("tests/faults/scenarios/postgres.py", "Append(events, key.encode(),", "Append(events, name.encode(),")],
    ),
    "answer-before-commit": Bug(
        "postgres", "a command is answered before its transaction commits",
        [
            Edit(
                _STORE,
                "                outcomes = await append_in(connection, [w.append for w in batch])",
                "                async with connection.transaction():\n"
                "                    outcomes = await append_in(connection, [w.append for w in batch])\n"
                "                    for w, o in zip(batch, outcomes):\n"
                "                        w.done.done() or w.done.set_result(o)",
            )
        ],
    ),
    "unknown-told-as-unsent": Bug(
        "postgres", "a lost answer is told as if nothing had been sent",
        [Edit(_STORE, "(OutcomeUnknown() if sent else StoreDown())", "StoreDown()")],
    ),
    "lock-released-before-commit": Bug(
        "tailing", "seq is taken under a lock that ends before the commit",
        [
            Edit(
                _SQL,
                "  select head into h from store for update;",
                "  perform pg_advisory_lock(1);\n  select last_value - 1 into h from taken;\n"
                "  perform setval('taken', h + 1 + cardinality(e_id));\n  perform pg_advisory_unlock(1);",
            ),
            Edit(_SQL, "  if cardinality(e_id) > 0 then update store set head = h + cardinality(e_id); end if;", ""),
            Edit(_TABLES, "create table store (", "create sequence taken;\ncreate table store ("),
        ],
    ),
    "checkpoint-before-rows": Bug(
        "bus", "a checkpoint commits before the rows that it vouches for",
        [
            Edit(
                _CONSUMER,
                "  # first: who was fenced waits here and writes nothing\n",
                "\n        self.places.update(moved)\n        async with self._database.transaction() as rows:\n",
            )
        ],
    ),
    "dedupe-off": Bug(
        "bus", "what is known is applied again",
        [
            Edit(_CONSUMER, "            if record.seq <= places.get(at, 0):", "            if False:"),
            Edit(
                _CONSUMER,
                "            while (following := early.pop(places.get(at, 0), None)) is not None:",
                "            if record.seq <= places.get(at, 0):\n                news.append(early.pop(record.prev))\n"
                "            while (following := early.pop(places.get(at, 0), None)) is not None:",
            ),
        ],
    ),
    "gap-jumped": Bug(
        "bus", "a record is applied though the one before it has not come",
        [
            Edit(
                _CONSUMER,
                "            while (following := early.pop(places.get(at, 0), None)) is not None:",
                "            while early:\n                following = early.pop(min(early))",
            )
        ],
    ),
    "parked-holds-nothing": Bug(
        "bus", "later events of a child go on though one of its events stands aside",
        [Edit(_CONSUMER, "if awaits or key in self._parked:", "if awaits:")],
    ),
    "after-ignored": Bug(
        "bus", "an event is applied before those that it rests on",
        [Edit(_CONSUMER, """if b'"after":"' not in record.value:""", "if True:")],
    ),
    "poison-dropped": Bug(
        "bus", "a bad record is passed over and not set aside",
        [Edit(_CONSUMER, """await self._commit([record], [], [record], "poison")""",
              """await self._commit([record], [], [], "poison")""")],
    ),
    "never-taken-up-again": Bug(
        "bus", "what stood aside stays aside after the fix",
        [Edit(_CONSUMER, "await self._release(poison=True)", "await self._release()")],
    ),
    "half-of-a-bad-batch-lost": Bug(
        "bus", "when a batch with a bad record is halved, the second half is forgotten",
        [Edit(_CONSUMER, "(news[: len(news) // 2], news[len(news) // 2 :])", "(news[: (len(news) + 1) // 2],)")],
    ),
    "place-before-delivery": Bug(
        "bus", "a relay stores its place before the delivery reports",
        [
            Edit(
                _RELAY,
                "            for source in dict.fromkeys(r.source for r in records):\n"
                "                await self._bus.publish(source, [r for r in records if r.source == source])\n",
                "",
            ),
            Edit(
                _RELAY,
                "            metrics.relayed.labels(self.source).inc(len(records))",
                "            for source in dict.fromkeys(r.source for r in records):\n"
                "                await self._bus.publish(source, [r for r in records if r.source == source])",
            ),
        ],
    ),
    "checkpoint-unfenced": Bug(
        "bus", "two members of a group move one checkpoint, and neither notices",
        [
            Edit(_CONSUMER, "            raise Fenced\n", "            pass\n"),
        ],
    ),
    "prev-forgotten": Bug(
        "bus", "after a restart, a relay no longer knows which record came before",
        [Edit("services/kernel/bus/log.py", "self._last = dict(await self._log.before(place))", "self._last = {}")],
    ),
    "failure-told-as-done": Bug(
        "disk", "a command whose append failed is answered as if it had been appended",
        [Edit(_STORE, "waiting.done.set_exception(told)", 'waiting.done.set_result(Outcome("appended", 1))')],
    ),
    "wipe-not-noticed": Bug(
        "wipe", "a relay does not go back to the start when the bus is another one",
        [
            Edit(_RELAY, "if await self._bus.identity() != identity:", "if False:"),
            Edit(_RELAY, """if rows and rows[0]["bus"] == identity else 0""", "if rows else 0"),
        ],
    ),
    "relay-begins-at-the-end": Bug(
        "processes", "a relay that starts again goes on from the end of its log",
        [
            Edit(
                _RELAY,
                "        place, identity = await self._place()\n",
                "        place, identity = await self._place()\n"
                "        if place:\n            _, place = await self._log.position()\n",
            )
        ],
    ),
    "live-begins-at-the-end": Bug(
        "processes", "live counts that start again begin with what comes next",
        [Edit("services/live/faust_app.py", "since[tp].offset if since.get(tp) else ends[tp]", "ends[tp]")],
    ),
    "live-behind-a-log-that-is-gone": Bug(
        "wipe", "live counts go on with the places of a log that was lost",
        [Edit("services/live/faust_app.py", "            told = await bus.identity()\n", "            pass\n")],
    ),
}  # fmt: skip
