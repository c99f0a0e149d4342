"""The embedded profile: PostgreSQL from a wheel, all services in one process, the bus in memory."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from infra.databases import SERVICES, grants, prepare, urls
from infra.positions import refuse_ahead
from infra.postgres import Postgres
from services.agency.versions import Versions
from services.console import app as console
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.bus.port import Bus
from services.kernel.keys.ciphers import Cipher
from services.kernel.keys.ring import KeyRing
from services.kernel.keys.wrapping import protection_of
from services.kernel.service import Service
from services.kernel.settings import Settings
from services.kernel.world import RealWorld, World
from services.notification.app import Notification
from shouwang.serving import Serving, open_service

DEMO_COUNTY = Path(__file__).parent / "demo_county.yaml"


_SECRETS = "secrets.json"


def secrets_of(folder: Path) -> Mapping[str, str]:
    """Return the secrets of an installation, made when first asked for; the file is its owner's alone."""
    file = folder / _SECRETS
    if not file.exists():
        write_secrets(
            folder,
            {
                name: secrets.token_urlsafe(32)
                for name in ("database", "key_passphrase", "token_secret", "service_secret")
            },
        )
    found: dict[str, str] = json.loads(file.read_text())
    return found


def write_secrets(folder: Path, told: Mapping[str, str]) -> None:
    """Put these secrets in the place of those before, whole or not at all."""
    fresh = folder / f"{_SECRETS}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(dict(told), out)
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(folder / _SECRETS)


def settings_of(
    folder: Path, host: str = "127.0.0.1", port: int = 0, notification_url: str = "", *, new_audit_key: bool = False
) -> Settings:  # fmt: skip
    """Return the settings of an installation in `folder`."""
    told = secrets_of(folder)
    return Settings(
        key_ring=folder / "keys.sqlite", audit_key=folder / "audit.key", key_passphrase=told["key_passphrase"],
        token_secret=told["token_secret"], service_secret=told["service_secret"], host=host, port=port,
        notification_url=notification_url, new_audit_key=new_audit_key,
    )  # fmt: skip


class Embedded:
    """A whole platform in this process. `postgres` must run; everything else is opened here."""

    def __init__(
        self, folder: Path, postgres: Postgres, *, port: int = 0, founding: Path | None = DEMO_COUNTY,
        bus: Bus | None = None, world: World | None = None, cipher: Cipher | None = None, keys: KeyRing | None = None,
        new_audit_key: bool = False,
    ) -> None:  # fmt: skip
        """Keep data in `folder`, listen on the loopback address. `new_audit_key` replaces a lost signing key."""
        self.folder = folder
        self.bus = bus or EmbeddedBus()
        self._postgres = postgres
        self._port = port
        self._founding = founding
        self._world = world
        self._cipher = cipher
        self._keys = keys
        self._new_audit_key = new_audit_key
        self.services: dict[str, Service] = {}
        self.urls: dict[str, str] = {}

    @property
    def versions(self) -> Versions:
        """What an operator does with versions of the views."""
        roles = urls("agency", self._postgres.url, secrets_of(self.folder)["database"])
        return Versions(roles["owner"], roles["projector"], grants("agency"))

    async def start(self) -> None:
        """Prepare databases, build all services, listen."""
        secret = secrets_of(self.folder)["database"]
        await prepare(self._postgres.url("postgres"), secret)
        await refuse_ahead(self._postgres.url)
        settings = settings_of(self.folder, port=self._port, new_audit_key=self._new_audit_key)
        world = self._world or RealWorld()
        self.keys = self._keys or KeyRing(settings.key_ring, protection_of(settings), world, settings.suite)
        for name in SERVICES:
            notification = self.services.get("notification")
            self.services[name] = await open_service(
                name, settings, urls(name, self._postgres.url, secret), self.bus, founding=self._founding,
                feed=notification.disclosed if isinstance(notification, Notification) else None,
                world=world, cipher=self._cipher, keys=self.keys,
            )  # fmt: skip
        pages = console.build(settings, self.urls, world)
        self._serving = Serving(self.services, settings.host, self._port, pages)
        await self._serving.start()
        self.pages = f"http://127.0.0.1:{self._serving.port}"
        self.urls |= dict.fromkeys(SERVICES, self.pages)

    async def stop(self) -> None:
        """Stop in order."""
        await self._serving.stop()
        await self.bus.close()
        self.keys.close()
