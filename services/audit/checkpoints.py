"""Signs how far all logs are proved, and nothing that does not extend what was signed before."""

from typing import Any, NamedTuple

from services.audit.log import Logs, Rows
from services.audit.merkle import verify_consistency
from services.audit.note import Line, NoteBroken, Signer, read_note
from services.kernel.database import Database
from services.kernel.errors import Refusal
from services.kernel.telemetry import log, metrics
from services.kernel.world import World
from services.kernel.writing.recording import stamp


class NotSigned(Refusal):
    """日志不可签名。 · The logs can't be signed."""

    status = 503


class LogDiffers(NotSigned):
    """该日志不是上次所签日志的延续(store 为日志,size 为上次所签大小),已停止签名:请保全数据并核查,勿删改。 · The log does not extend the one that was signed last (`store`, and the `size` that was signed). Nothing is signed: keep everything as it is and look into it."""  # noqa: E501


class LeafDiffers(NotSigned):
    """同一序号收到过不同的内容(store 为日志,seq 为序号),已停止签名:请保全数据并核查,勿删改。 · Two different contents were heard for one place of a log (`store`, `seq`). Nothing is signed: keep everything as it is and look into it."""  # noqa: E501


class SignedNoteBroken(NotSigned):
    """库中上次的签名检查点不成立,已停止签名:请保全数据并核查。 · The last signed checkpoint in the database does not hold under any key of this installation. Nothing is signed: look into it."""  # noqa: E501


class Signed(NamedTuple):
    """A checkpoint, and the logs that it signs."""

    note: str
    logs: dict[str, Line]


class Checkpoints:
    """Makes checkpoints, one at a time, also where several processes do."""

    def __init__(self, database: Database, signer: Signer, world: World) -> None:
        """Sign what is here."""
        self._database = database
        self._signer = signer
        self._world = world

    async def sign(self) -> Signed:
        """Sign how far all logs are proved, and keep what was signed. Raises LogDiffers, LeafDiffers, SignedNoteBroken."""
        async with self._database.transaction() as rows:
            await rows.execute("select pg_advisory_xact_lock(hashtext('audit checkpoint'))")
            try:
                logs = await self._proved(rows)
            except NotSigned as refusal:
                store = refusal.facts.get("store", "*")
                metrics.not_signed.labels(store, refusal.code).inc()
                log.error("audit.not_signed", source=store, reason=refusal.code)
                raise
            now = self._world.now()
            note = self._signer.sign(stamp(now), list(logs.values()))
            await rows.execute("insert into signed (at, note) values ($1, $2)", now, note)
        return Signed(note, logs)

    async def ping(self) -> None:
        """Raise what `sign` would raise."""
        async with self._database.connection() as rows:
            await self._proved(rows)

    async def _proved(self, rows: Any) -> dict[str, Line]:
        """Return every log as it may be signed. What was signed is read first: logs only grow meanwhile."""
        last = await self._last(rows)
        for row in await rows.fetch("select store, seq from differing order by store, seq limit 1"):
            raise LeafDiffers(store=row["store"], seq=row["seq"])
        logs = Logs(rows)
        sizes = await logs.sizes()
        roots = await logs.roots({store: size for store, _, size in sizes})
        lines = {}
        for store, incarnation, size in sizes:
            before, root = last.pop(store, None), roots[store]
            line = Line(store, incarnation, size, root) if root is not None else None
            if line is None or (before is not None and not await _extends(logs, before, line)):
                raise LogDiffers(store=store, size=before.size if before else 0)
            lines[store] = line
        for store, before in last.items():
            raise LogDiffers(store=store, size=before.size)
        return lines

    async def _last(self, rows: Rows) -> dict[str, Line]:
        found = await rows.fetch("select note from signed order by id desc limit 1")
        try:
            return read_note(found[0]["note"], *self._signer.known).logs if found else {}
        except NoteBroken as error:
            raise SignedNoteBroken from error


async def _extends(logs: Logs, before: Line, now: Line) -> bool:
    """Tell whether a log's proof says that it begins with what was signed."""
    if before.size in (0, now.size):
        return before.size == 0 or before.root == now.root
    try:
        proof = await logs.consistency(now.store, before.size, now.size)
    except (KeyError, ValueError):
        return False
    return verify_consistency(before.size, now.size, before.root, now.root, proof)
