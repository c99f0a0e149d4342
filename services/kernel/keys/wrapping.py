"""What wraps the masters of a key ring: a key made from a passphrase, or the Transit engine of OpenBao or Vault."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import httpx2
from cryptography.exceptions import InvalidTag

from services.kernel.errors import StoreDown
from services.kernel.keys.ciphers import AesGcm, Sm4Gcm
from services.kernel.settings import Settings

Named = tuple[bytes, str]
"""A secret, or a wrapped one, and the name that it is bound to: unwrapped under another name it is refused."""
_MOST = 200
"""OpenBao refuses JSON of more than a thousand strings; a secret takes four."""
_SECONDS = 3.0


class WrongPassphrase(Exception):  # noqa: N818
    """密钥环口令不对,无法打开。 · The passphrase doesn't open this key ring: set the right one."""


class OtherWrapping(WrongPassphrase):
    """密钥环由另一方式保护:请按原方式设置(SHOUWANG_TRANSIT_URL);改换用 shouwang rotate-keys。 · Something else protects this key ring: set what does (SHOUWANG_TRANSIT_URL); shouwang rotate-keys changes it."""  # noqa: E501


class KeysRefused(WrongPassphrase):
    """密钥服务拒绝解开此密钥环:密钥或密钥环不是原来的一份。 · The key service can't unwrap this key ring: the key, or the ring, is another one."""  # noqa: E501


class KeysDown(StoreDown):
    """密钥服务暂不可用或拒绝访问,本次操作未受理、未登记,请稍后重试;如持续,请检查其是否解封、令牌是否有效。 · The key service is away or refuses the token. Nothing was entered: try again soon; if it lasts, see whether it is unsealed and the token is valid."""  # noqa: E501


class Wrapping(Protocol):
    """Wraps and unwraps many secrets at once."""

    @property
    def name(self) -> str:
        """By this the ring knows what wraps it."""
        ...

    def wrap(self, secrets: Sequence[Named]) -> list[bytes]:
        """Return each secret wrapped. Raises KeysDown."""
        ...

    def unwrap(self, wrapped: Sequence[Named]) -> list[bytes]:
        """Return each secret. Raises WrongPassphrase, KeysRefused, KeysDown."""
        ...


class Passphrase:
    """Wraps by a suite, under the key that it makes of a passphrase and the ring's salt."""

    name: ClassVar[str] = "passphrase"

    def __init__(self, suite: AesGcm | Sm4Gcm, salt: bytes, passphrase: str) -> None:
        """Derive the key, once."""
        self._suite = suite
        self._key = suite.from_passphrase(salt, passphrase)

    def wrap(self, secrets: Sequence[Named]) -> list[bytes]:
        """Return each secret wrapped."""
        return [self._suite.encrypt(self._key, secret, name.encode()) for secret, name in secrets]

    def unwrap(self, wrapped: Sequence[Named]) -> list[bytes]:
        """Return each secret. Raises WrongPassphrase."""
        try:
            return [self._suite.decrypt(self._key, secret, name.encode()) for secret, name in wrapped]
        except InvalidTag as error:
            raise WrongPassphrase from error


class Transit:
    """Wraps by a key that never leaves OpenBao or Vault (engine `transit`, type aes256-gcm96, 200 secrets a request).

    The token needs `update` on encrypt and decrypt of that key and nothing else; it is asked for with each request, so
    a renewed one is taken up. Which subject a secret is bound to goes along as associated data.
    """

    name: ClassVar[str] = "transit"

    def __init__(self, url: str, key: str, token: Callable[[], str]) -> None:
        """Use the key named `key` at `url`; connects when first asked."""
        self._http = httpx2.Client(base_url=f"{url.rstrip('/')}/v1/transit/", timeout=_SECONDS)
        self._key = key
        self._token = token

    def wrap(self, secrets: Sequence[Named]) -> list[bytes]:
        """Return each secret wrapped: the engine's own text, which names the version of the key."""
        told = [{"plaintext": _text(secret), "associated_data": _text(n.encode())} for secret, n in secrets]
        return [each.encode() for each in self._ask("encrypt", told, "ciphertext")]

    def unwrap(self, wrapped: Sequence[Named]) -> list[bytes]:
        """Return each secret."""
        told = [
            {"ciphertext": w.decode("ascii", "replace"), "associated_data": _text(n.encode())}
            for w, n in wrapped
        ]
        return [base64.b64decode(each) for each in self._ask("decrypt", told, "plaintext")]

    def _ask(self, what: str, items: list[dict[str, str]], wanted: str) -> list[str]:
        found: list[str] = []
        for start in range(0, len(items), _MOST):
            for result in self._batch(what, items[start : start + _MOST]):
                if result.get("error") or wanted not in result:
                    raise KeysRefused(result.get("error", ""))
                found.append(result[wanted])
        return found

    def _batch(self, what: str, items: list[dict[str, str]]) -> list[dict[str, str]]:
        try:
            answer = self._http.post(
                f"{what}/{self._key}", json={"batch_input": items}, headers={"X-Vault-Token": self._token()}
            )
            told: Any = answer.json()
        except (httpx2.HTTPError, OSError, ValueError) as error:
            raise KeysDown from error
        # 400 with results: some of them could not be unwrapped, and say why. Anything else is no answer at all.
        results: list[dict[str, str]] | None = (told.get("data") or {}).get("batch_results")
        if results is None or len(results) != len(items):
            raise KeysDown(status=answer.status_code)
        return results


def protection_of(settings: Settings) -> str | Transit:
    """Return what protects an installation's ring: its passphrase, or the key service that its settings name."""
    if not settings.transit_url:
        return settings.key_passphrase

    def token() -> str:
        file = settings.transit_token_file
        return file.read_text(encoding="utf8").strip() if file else settings.transit_token

    return Transit(settings.transit_url, settings.transit_key, token)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
