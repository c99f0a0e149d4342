"""Another passphrase for an installation's key ring: every master is wrapped anew, nothing that is sealed changes."""

import secrets
from pathlib import Path

from services.kernel.keys import KeyRing, WrongPassphrase
from services.kernel.world import RealWorld
from shouwang.embedded import secrets_of, write_secrets

_NEXT = "key_passphrase_next"


def rotate(folder: Path) -> None:
    """Rotate the passphrase of the ring in a data folder whose platform doesn't run.

    The new one is on disk before the ring takes it, so whoever died in between runs it again. Raises WrongPassphrase.
    """
    told = dict(secrets_of(folder))
    fresh = told.setdefault(_NEXT, secrets.token_urlsafe(32))
    write_secrets(folder, told)
    world, file = RealWorld(), folder / "keys.sqlite"
    try:
        ring = KeyRing(file, told["key_passphrase"], world)
        ring.rotate(fresh)
    except WrongPassphrase:
        ring = KeyRing(file, fresh, world)  # it was rotated before the last step failed
    ring.close()
    write_secrets(folder, {k: v for k, v in told.items() if k != _NEXT} | {"key_passphrase": fresh})
