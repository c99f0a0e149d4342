"""An installation's key ring protected anew: every master is wrapped again, nothing that is sealed changes."""

import secrets
from contextlib import closing
from pathlib import Path

from services.kernel.keys.ring import KeyRing, WrongPassphrase
from services.kernel.keys.wrapping import Passphrase, Transit, Wrapping, protection_of
from services.kernel.world import RealWorld
from shouwang.embedded import secrets_of, settings_of, write_secrets

_NEXT = "key_passphrase_next"


def rotate(folder: Path, *, leave: bool = False) -> None:
    """Protect the ring in a data folder whose platform doesn't run by what its settings name now.

    With a key service that is the newest version of its key; otherwise, and to `leave` the service, a new passphrase,
    which is on disk before the ring takes it. Whoever died in between runs it again.

    Raises WrongPassphrase, OtherWrapping, KeysRefused, KeysDown.
    """
    service, told = protection_of(settings_of(folder)), dict(secrets_of(folder))
    now = service if KeyRing.protected_by(_file(folder)) != Passphrase.name else told["key_passphrase"]
    if isinstance(service, Transit) and not leave:
        _rewrap(folder, now, service)
        return
    fresh = told.setdefault(_NEXT, secrets.token_urlsafe(32))
    write_secrets(folder, told)
    try:
        _rewrap(folder, now, fresh)
    except WrongPassphrase:
        _ring(folder, fresh).close()  # it was rotated before the last step failed
    write_secrets(folder, {k: v for k, v in told.items() if k != _NEXT} | {"key_passphrase": fresh})


def _rewrap(folder: Path, by: str | Wrapping, to: str | Wrapping) -> None:
    with closing(_ring(folder, by)) as ring:
        ring.rotate(to)


def _ring(folder: Path, by: str | Wrapping) -> KeyRing:
    return KeyRing(_file(folder), by, RealWorld())


def _file(folder: Path) -> Path:
    return folder / "keys.sqlite"
