"""The passphrase of an installation's ring is rotated whole, whenever somebody dies in between."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.kernel.keys.ring import KeyRing, WrongPassphrase
from services.kernel.world import RealWorld
from shouwang import rotating
from shouwang.cli import app
from shouwang.embedded import secrets_of, write_secrets


def ring(folder: Path) -> KeyRing:
    return KeyRing(folder / "keys.sqlite", secrets_of(folder)["key_passphrase"], RealWorld())


def key_of(folder: Path) -> dict[tuple[str, str], bytes]:
    opened = ring(folder)
    try:
        return opened.keys([("a", "name")])
    finally:
        opened.close()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    opened = ring(tmp_path)
    opened.ensure(["a"])
    opened.close()
    return tmp_path


@pytest.mark.req("PRV-04")
def test_the_command_rotates_and_what_was_sealed_opens_as_before(installed: Path) -> None:
    before, secret = key_of(installed), secrets_of(installed)["key_passphrase"]
    told = CliRunner().invoke(app, ["rotate-keys", "--data", str(installed)])
    assert told.exit_code == 0, told.output
    assert key_of(installed) == before != {}
    assert secrets_of(installed)["key_passphrase"] != secret
    assert set(secrets_of(installed)) == {"database", "key_passphrase", "token_secret", "service_secret"}
    assert (installed / "secrets.json").stat().st_mode & 0o077 == 0
    with pytest.raises(WrongPassphrase):
        KeyRing(installed / "keys.sqlite", secret, RealWorld())


@pytest.mark.req("PRV-04")
@pytest.mark.parametrize("step", [0, 1])
def test_whoever_dies_on_the_way_runs_it_again(
    installed: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the ring takes the new passphrase, and before the secrets name it as the one in use."""
    before = key_of(installed)
    with monkeypatch.context() as dying:
        if step == 0:
            dying.setattr(KeyRing, "rotate", dies)
        else:
            dying.setattr(rotating, "write_secrets", Once())
        with pytest.raises(KeyboardInterrupt):
            rotating.rotate(installed)
    rotating.rotate(installed)
    assert key_of(installed) == before
    assert "key_passphrase_next" not in secrets_of(installed)


class Once:
    """Writes secrets once, and dies with the next."""

    written = False

    def __call__(self, folder: Path, told: Mapping[str, str]) -> None:
        if self.written:
            raise KeyboardInterrupt
        self.written = True
        write_secrets(folder, told)


def dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_without_a_ring_it_says_so(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["rotate-keys", "--data", str(tmp_path)]).exit_code == 4
