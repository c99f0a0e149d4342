"""The write path: command, authority, decide, seal, append, answer. A repeat gets its first answer."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.kernel.errors import AlreadyOnFile, KeyReused, NotAllowed, NotFound, Refusal, StaleVersion
from services.kernel.hearing.reference import Reference
from services.kernel.people.auth import Principal
from services.kernel.people.authority import Rule, authority_table, check
from services.kernel.store import REFERENCE_PARTITION, Append, EventStore, Outcome, Stored, partition_of
from services.kernel.telemetry import metrics
from services.kernel.world import World, day_of
from services.kernel.writing.decider import Command, Context, Decider
from services.kernel.writing.recording import INTAKE, Circumstances, Keys, Planned, Recorder

_TRIES = 5


class Told(msgspec.Struct, frozen=True):
    """One event of an answer."""

    id: str
    type: str
    subject: str


class Place(NamedTuple):
    """How far a service's log has come, in one partition."""

    source: str
    partition: int
    seq: int


@dataclass(frozen=True)
class Answer:
    """What a command did: its events in order, the seq of the first, and the place that readers can wait for."""

    events: list[Told]
    first_seq: int | None
    place: Place | None
    repeated: bool = False


@dataclass(frozen=True)
class Asked:
    """A command with its principal, its idempotency key, and the hash of what it said."""

    command: Command
    who: Principal
    key: bytes | None = None
    body: bytes = b""
    correlation: UUID | None = None
    """What it belongs to, with others; a new id where it stands alone."""


@dataclass(frozen=True)
class Plan:
    """What a command decided, before anything is sealed or appended."""

    asked: Asked
    planned: list[Planned]
    told: Circumstances
    claims: list[tuple[bytes, UUID]]
    rules: list[Rule]
    """By which it is allowed, one a part."""


Parts = list[tuple[UUID, Any]]


class Commands:
    """All aggregates of one service behind one door."""

    def __init__(
        self, source: str, store: EventStore, recorder: Recorder, reference: Reference, world: World,
        deciders: Sequence[Decider[Any]], search_key: bytes,
        after: Callable[[int], Mapping[str, int]], public: Container[str],
        regions: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, str]]],
    ) -> None:  # fmt: skip
        """Wire the write path of `source`; `after` tells what this service has seen of other stores.

        `regions` tells where children are on file, as far as it has heard. Commands whose path is not in `public` are
        issued by reactions alone.
        """
        self.source = source
        self.deciders: dict[type[Command], Decider[Any]] = {
            c: d for d in deciders for c in d.commands if c.path in public
        }
        self._store = store
        self._recorder = recorder
        self._reference = reference
        self._world = world
        self._secret = search_key
        self._after = after
        self._regions = regions

    def token(self, *parts: str) -> bytes:
        """Return the keyed hash of a value: a claim or a search token (HMAC-SHA256)."""
        return hmac.digest(self._secret, "\x1f".join(parts).encode(), "sha256")

    def asked(self, command: Command, who: Principal, idempotency_key: str, body: bytes) -> Asked:
        """Bind a command to who asks. Of the key and of the body an HMAC is kept: whoever has the rows alone tests no guess."""
        key = self.token("idempotency", self.source, str(who.post), idempotency_key)
        said = hmac.digest(self._secret, type(command).path.encode() + b"\0" + body, "sha256")
        return Asked(command, who, key, said)

    async def handle(self, asked: Asked) -> Answer:
        """Carry a command out. Raises a Refusal; StoreDown means that the outcome is not known."""
        name = type(asked.command).path
        with metrics.command_seconds.labels(name).time():
            try:
                answer = await self._handle(asked)
            except Refusal as refusal:
                metrics.commands.labels(name, refusal.code).inc()
                raise
        metrics.commands.labels(name, "repeated" if answer.repeated else "done").inc()
        return answer

    async def _handle(self, asked: Asked) -> Answer:
        for _ in range(_TRIES):
            try:
                plan = await self.plan(asked)
                answer = await self._append(plan, await self._recorder.keys(plan.planned))
            except Refusal:
                # What is refused now may be the repeat of what was done: then the first answer holds.
                if (first := await self._first_answer(asked)) is not None:
                    return first
                raise
            if answer is not None:
                return answer
        raise StaleVersion

    async def handle_many(self, many: Sequence[Asked]) -> list[Answer | Refusal]:
        """Carry out independent commands together: read at once, keys made at once, appends in shared commits."""
        plans: list[Plan | Refusal] = []
        for asked, parts, stored in await self._begun(many):
            try:
                plans.append(await self._plan(asked, parts, stored))
            except Refusal as refusal:
                plans.append(refusal)
        keys = await self._recorder.keys(p for plan in plans if isinstance(plan, Plan) for p in plan.planned)
        return await asyncio.gather(*(self._carry_out(plan, keys) for plan in plans))

    async def _carry_out(self, plan: "Plan | Refusal", keys: Keys) -> Answer | Refusal:
        try:
            if isinstance(plan, Refusal):
                return plan
            return await self._append(plan, keys) or await self.handle(plan.asked)
        except Refusal as refusal:
            return refusal

    async def _append(self, plan: "Plan", keys: Keys) -> Answer | None:
        """Append a plan; None where somebody was faster and it must be decided anew."""
        if not plan.planned and plan.asked.key is None:
            return Answer([], None, None)
        events = self._recorder.seal(plan.planned, plan.told, keys)
        told = self.told(plan.planned)
        outcome = await self._store.append(
            Append(events, plan.asked.key, plan.asked.body, msgspec.json.encode(told), plan.claims)
        )
        match outcome.kind:
            case "appended":
                return Answer(
                    told, outcome.first_seq if events else None, self._place(told, outcome.first_seq)
                )
            case "repeated":
                return self._repeat(plan.asked, outcome)
            case "claimed":
                raise AlreadyOnFile(child=str(outcome.holder))
        return None

    async def plan(self, asked: Asked) -> "Plan":
        """Load, authorise and decide, without appending: what a dry run stops at."""
        ((_, parts, stored),) = await self._begun([asked])
        return await self._plan(asked, parts, stored)

    async def may(self, asked: Asked) -> list[Rule]:
        """Return the rules by which a command would be carried out now, or raise what would refuse it. Appends nothing."""
        plan = await self.plan(asked)
        held = await self._store.holders([token for token, _ in plan.claims]) if plan.claims else {}
        for token, holder in plan.claims:
            if held.get(token, holder) != holder:
                raise AlreadyOnFile(child=str(held[token]))
        return plan.rules

    async def _begun(self, many: Sequence[Asked]) -> list[tuple[Asked, Parts, Mapping[UUID, list[Stored]]]]:
        """Return each command's parts, with the streams of all."""
        begun = [(asked, list(asked.command.each(self._world.new_id))) for asked in many]
        stored = await self._stored([stream for _, parts in begun for stream, _ in parts])
        return [(asked, parts, stored) for asked, parts in begun]

    async def _stored(self, streams: Sequence[UUID]) -> dict[UUID, list[Stored]]:
        stored: dict[UUID, list[Stored]] = {}
        for each in await self._store.read(streams):
            stored.setdefault(each.stream, []).append(each)
        return stored

    async def _plan(self, asked: Asked, parts: Parts, stored: Mapping[UUID, list[Stored]]) -> "Plan":
        decider = self.deciders[type(asked.command)]
        if not any(
            asked.who.kind in rule.bodies for rule in authority_table().get(type(asked.command).path, ())
        ):
            # Said before anything is looked at: told apart from NotFound, it would tell that a file exists.
            raise NotAllowed(command=type(asked.command).path)
        planned: list[Planned] = []
        claims: list[tuple[bytes, UUID]] = []
        rules: list[Rule] = []
        while parts:
            follow: list[tuple[UUID, Any]] = []
            for stream, part in parts:
                mine = stored.get(stream, [])
                history = self._recorder.history(mine)
                if strange := bool(history) and not isinstance(history[0][1], decider.events):
                    mine, history = [], []  # the id of something else: here it is unknown
                state = decider.fold(event for _, event in history)
                regions = await self._regions(list(decider.concerns(part, state)))
                scope = decider.scope_of(part, state)
                named = scope.pop("child", None)
                if named is not None:
                    scope["region"] = regions.get(named, scope.get("region"))
                rules.append(self._check(asked, scope, exists=bool(mine) or named is not None))
                if strange:
                    raise NotFound
                context = replace(
                    self.context(asked.who, scope.get("region")), history=history, regions=regions
                )
                policy = context.pack.name if context.pack else None
                for event in decider.decide(part, state, context):
                    version = len(mine) + 1 + sum(p.stream == stream for p in planned)
                    planned.append(Planned(event, stream, version, self._world.new_id(), policy))
                    claims += [(self.token(kind), holder) for kind, holder in decider.claims(event, state)]
                follow += decider.also(part, state)
            parts = follow
            stored = await self._stored([stream for stream, _ in parts]) if parts else {}
        hidden = asked.command.intake
        told = Circumstances(
            actor=INTAKE if hidden else str(asked.who.post),
            on_behalf_of=None if hidden else str(asked.who.body.id),
            purpose="report" if hidden else asked.who.purpose,
            # A report waits for nothing on its way to the police.
            correlation=asked.correlation or self._world.new_id(), occurred=asked.command.occurred_at,
            after=self._seen_reference if hidden else self._seen,
        )  # fmt: skip
        return Plan(asked, planned, told, claims, rules)

    def _check(self, asked: Asked, scope: dict[str, Any], *, exists: bool) -> Rule:
        """Ask the authority table; somebody else's file doesn't exist (NotFound)."""
        name = type(asked.command).path
        facts = {k: v for k, v in scope.items() if k != "above"}
        if "above" in scope:
            facts["superior"] = self._reference.superior_of(scope["above"])
        try:
            return check(name, asked.who, **facts)
        except NotAllowed:
            if exists:
                raise NotFound from None
            raise

    def _seen_reference(self, _: int) -> dict[str, int]:
        return {"reference": self._reference.seq}

    def _seen(self, partition: int) -> dict[str, int]:
        return {"reference": self._reference.seq, **self._after(partition)}

    def context(self, who: Principal, region: str | None) -> Context:
        """Return what a decision of this principal is told."""
        now = self._world.now()
        reference = self._reference
        pack = reference.find_pack(region or who.body.region, day_of(now))
        return Context(
            now=now, new_id=self._world.new_id, pack=pack, body=who.body.id, body_kind=who.kind, post=who.post,
            person=who.person,
            find_body=reference.find_body_id, superior_of=reference.superior_of, kind_of=reference.kind_of,
        )  # fmt: skip

    @staticmethod
    def told(planned: Sequence[Planned]) -> list[Told]:
        """Return what an answer says of events."""
        return [Told(str(p.id), p.event.type, str(getattr(p.event, p.event.subject))) for p in planned]

    async def _first_answer(self, asked: Asked) -> Answer | None:
        rows = await self._store.database.fetch(
            "select first_seq, body, answer from command where key = $1", asked.key
        )
        return self._repeat(asked, Outcome("repeated", *rows[0])) if rows else None

    def _repeat(self, asked: Asked, outcome: Outcome) -> Answer:
        if outcome.body != asked.body:
            raise KeyReused
        told = msgspec.json.decode(outcome.answer or b"[]", type=list[Told])
        return Answer(told, outcome.first_seq, self._place(told, outcome.first_seq), repeated=True)

    def _place(self, told: list[Told], first_seq: int | None) -> Place | None:
        """Return the place of the last event."""
        if not told or first_seq is None:
            return None
        last = told[-1]
        partition = REFERENCE_PARTITION if last.type.startswith("reference.") else partition_of(last.subject)
        return Place(self.source, partition, first_seq + len(told) - 1)
