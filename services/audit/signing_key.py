"""Decides under which key this installation signs: the same as ever, or another by an explicit act that is recorded."""

import asyncio
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from services.audit.note import NoteBroken, Renewal, Signer, read_note
from services.kernel.database import Database
from services.kernel.writing.recording import stamp


class AuditKeyRefused(Exception):  # noqa: N818
    """审计签名密钥不可用。 · The audit signing key can't be used."""

    def __str__(self) -> str:
        """Return the docstring's sentence in zh and en, and the file."""
        return " ".join([*(type(self).__doc__ or "").split(), *map(str, self.args)])


class AuditKeyMissing(AuditKeyRefused):
    """审计库中已有签名检查点,签名密钥文件却不在。请从安装备份取回该文件;

    确已丢失的,以 --new-audit-key 启动,更换记入此后的每个检查点。

     · There are signed checkpoints, but the file of the signing key is gone. Bring it back from the installation's
    backup; if it is lost for good, start with --new-audit-key: the change stands in every later checkpoint.
    """


class AuditKeyDiffers(AuditKeyRefused):
    """签名密钥文件不是签署已有检查点的那一把。请换回原文件;

    确须更换的,以 --new-audit-key 启动,更换记入此后的每个检查点。

     · The file holds another key than the one that signed so far. Put the right file back; if the key must change,
    start with --new-audit-key: the change stands in every later checkpoint.
    """


async def open_signer(database: Database, file: Path, now: datetime, *, renew: bool = False) -> Signer:
    """Return the signer; a first start makes its key. With `renew`, a lost or other key is replaced and recorded.

    What signed before keys were kept can't be named, so it can't be replaced.
    Raises AuditKeyMissing, AuditKeyDiffers: then no key was made and none was recorded.
    """
    last = await database.fetch("select note from signed order by id desc limit 1")
    keys = await database.fetch("select public from signing_key order by id")
    replaces = renew and bool(keys)
    if (last or keys) and not replaces and not await asyncio.to_thread(file.exists):
        raise AuditKeyMissing(file.name)
    signer = await asyncio.to_thread(Signer, file)
    same = keys[-1]["public"] == signer.public if keys else not last or _signed_by(last[0]["note"], signer)
    if not same and not replaces:
        raise AuditKeyDiffers(file.name)
    if not keys or not same:
        await database.fetch("insert into signing_key (public, at) values ($1, $2)", signer.public, now)
    kept = await database.fetch("select public, at from signing_key order by id")
    renewed = [Renewal(stamp(new["at"]), old["public"]) for old, new in pairwise(kept)]
    return await asyncio.to_thread(Signer, file, renewed)


def _signed_by(note: str, signer: Signer) -> bool:
    try:
        read_note(note, *signer.known)
    except NoteBroken:
        return False
    return True
