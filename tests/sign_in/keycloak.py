"""A real Keycloak for tests: fetched once, compared with our checksum, started on loopback with the realm of `infra/`."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx2
from jgo.constants import MAVEN_CENTRAL_URL

from infra.folders import cache_folder
from infra.jars import java

VERSION = "26.7.3"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
REALM = Path(__file__).parents[2] / "infra" / "keycloak" / "realm.json"
PASSWORD = "a-password-of-tests"
_PATIENCE_SECONDS = 600


class Keycloak:
    """A Keycloak with made-up people and systems, gone with its folder."""

    def __init__(
        self, folder: Path, people: Mapping[str, UUID], systems: Mapping[str, tuple[UUID, Any]]
    ) -> None:
        """`people` by user name; `systems` by client id: the id of the service account, and its public keys (JWKS)."""
        self._folder = folder
        self._people = people
        self._systems = systems
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.issuer = f"{self.url}/realms/shouwang"

    def __enter__(self) -> Self:
        home = unpacked(self._folder)
        (home / "data" / "import").mkdir(parents=True)
        (home / "data" / "import" / "realm.json").write_text(json.dumps(self._realm()), encoding="utf8")
        command: list[str | Path] = [
            "bash",
            home / "bin" / "kc.sh",
            "start-dev",
            "--import-realm",
            "--http-host=127.0.0.1",
        ]
        self._log = (self._folder / "keycloak.log").open("wb")
        self._process = subprocess.Popen(
            [*command, f"--http-port={self._port}"], cwd=home, stdout=self._log, stderr=subprocess.STDOUT,
            env={"PATH": os.defpath, "JAVA": str(java()), "JAVA_OPTS_APPEND": "-XX:-UsePerfData"},
            start_new_session=True,
        )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # its folder goes with it
        self._process.wait()
        self._log.close()

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            try:
                httpx2.get(f"{self.issuer}/.well-known/openid-configuration", timeout=5).raise_for_status()
            except httpx2.HTTPError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError(
            (self._folder / "keycloak.log").read_text(encoding="utf8", errors="replace")[-3000:]
        )

    def _realm(self) -> dict[str, Any]:
        realm: dict[str, Any] = json.loads(REALM.read_text(encoding="utf8"))
        shipped = {client["clientId"]: client for client in realm["clients"]}
        users: list[dict[str, Any]] = [_user(name, person) for name, person in self._people.items()]
        for name, (person, keys) in self._systems.items():
            told = {"use.jwks.string": "true", "jwks.string": json.dumps(keys), "use.jwks.url": "false"}
            copied = shipped["agency-system"] | {"clientId": name, "enabled": True}
            copied["attributes"] = shipped["agency-system"]["attributes"] | told
            realm["clients"].append(copied)
            users.append({
                "id": str(person), "username": f"service-account-{name}", "enabled": True, "serviceAccountClientId": name,
            })  # fmt: skip
        # A client of another application of the same realm: its tokens are not meant for us.
        realm["clients"].append(
            shipped["shouwang-people"] | {"clientId": "another-application", "defaultClientScopes": []}
        )
        return realm | {"users": users}


def _user(name: str, person: UUID) -> dict[str, Any]:
    return {
        "id": str(person), "username": name, "enabled": True, "firstName": "试", "lastName": "演",
        "email": f"{name}@example.org", "emailVerified": True,
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
    }  # fmt: skip


def _fetch(place: str, to: Path) -> None:
    with httpx2.stream("GET", place, timeout=60) as coming, to.open("wb") as out:
        coming.raise_for_status()
        for part in coming.iter_bytes():
            out.write(part)


def unpacked(folder: Path) -> Path:
    """Return Keycloak's folder, unpacked from the archive that is fetched once."""
    name = f"keycloak-quarkus-dist-{VERSION}.zip"
    archive = cache_folder(f"keycloak-{VERSION}") / name
    if not archive.is_file():
        archive.parent.mkdir(parents=True, exist_ok=True)
        fresh = archive.with_suffix(f".{os.getpid()}")
        place = f"{MAVEN_CENTRAL_URL.rstrip('/')}/org/keycloak/keycloak-quarkus-dist/{VERSION}/{name}"
        for left in (2, 1, 0):
            try:
                _fetch(place, fresh)
                break
            except httpx2.HTTPError:
                if not left:
                    raise
        fresh.replace(archive)
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != SHA256:
            archive.unlink()
            raise RuntimeError(f"{archive}: not the archive that we know")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / f"keycloak-{VERSION}"


__all__: Sequence[str] = ["PASSWORD", "Keycloak"]
