"""Signed cursors: where the next page starts, for the body and the question that the page was an answer to."""

import base64
import binascii
import hmac
import json
from typing import Any
from uuid import UUID

from services.kernel.errors import Refusal

_MAC = 16


class BadCursor(Refusal):
    """翻页标记不属于贵单位的此次查询:请照抄上一页的 next,且不改动其他条件,或从第一页重新查询。 · This cursor is not of your body's question: send `next` of the page before as it is and change no filter, or start from the first page."""  # noqa: E501


class Cursors:
    """Makes cursors and takes them back (HMAC-SHA256, cut to 16 bytes)."""

    def __init__(self, secret: str) -> None:
        """Sign under a key made from the secret that the service's processes share."""
        self._key = hmac.digest(secret.encode(), b"shouwang cursors", "sha256")

    def make(self, body: UUID, question: Any, place: str | None) -> str | None:
        """Return the cursor of a place, none where there is no next page."""
        if place is None:
            return None
        signed = place.encode() + self._mac(body, question, place)
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")

    def read(self, body: UUID, question: Any, cursor: str | None) -> str | None:
        """Return the place of a cursor. Raises BadCursor where it was not made for this body and this question."""
        if cursor is None:
            return None
        try:
            signed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            place = signed[:-_MAC].decode()
        except (binascii.Error, ValueError) as error:
            raise BadCursor from error
        if not hmac.compare_digest(signed[-_MAC:], self._mac(body, question, place)):
            raise BadCursor
        return place

    def _mac(self, body: UUID, question: Any, place: str) -> bytes:
        said = json.dumps([str(body), question, place], sort_keys=True).encode()
        return hmac.digest(self._key, said, "sha256")[:_MAC]
