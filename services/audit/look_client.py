"""The agency service asked over HTTP who read what: for an audit service in a process of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx2

from services.kernel.errors import StoreDown


class LookClient:
    """Asks the agency service's internal route, showing the service secret. An answer that doesn't come is StoreDown."""

    def __init__(self, url: str, service_secret: str) -> None:
        """Ask at `url`."""
        self._http = httpx2.AsyncClient(
            base_url=url, headers={"X-Service-Secret": service_secret}, timeout=10
        )

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def looks(self, agency: UUID, children: Sequence[UUID], until: datetime) -> list[dict[str, Any]]:
        """Return a body's looks at these children up to a moment, oldest first."""
        asked = {"agency": str(agency), "children": [str(c) for c in children], "until": until.isoformat()}
        try:
            answer = await self._http.post("/agency/internal/looks", json=asked)
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise StoreDown from error
        found: list[dict[str, Any]] = answer.json()
        return found
