"""Notification asked over HTTP: for an agency service in a process of its own."""

from collections.abc import Iterable
from uuid import UUID

import httpx2

from services.kernel.errors import StoreDown
from services.kernel.keys.service import Pair


class FeedClient:
    """Asks notification's internal routes, showing the service secret. An answer that doesn't come is StoreDown."""

    def __init__(self, url: str, service_secret: str) -> None:
        """Ask at `url`."""
        self._http = httpx2.AsyncClient(
            base_url=url, headers={"X-Service-Secret": service_secret}, timeout=10
        )

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def earned(self, agency: UUID, pairs: Iterable[Pair]) -> set[Pair]:
        """Return those of the pairs that this agency's feed was given."""
        asked = {"agency": str(agency), "pairs": sorted(pairs)}
        try:
            answer = await self._http.post("/notification/internal/earned", json=asked)
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise StoreDown from error
        return {(subject, data_class) for subject, data_class in answer.json()}

    async def reached(self, source: str, partition: int, seq: int) -> int | None:
        """Return the feed's place once the router has passed an event, else None."""
        place: dict[str, str | int] = {"source": source, "partition": partition, "seq": seq}
        try:
            answer = await self._http.get("/notification/internal/reached", params=place)
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise StoreDown from error
        feed: int | None = answer.json()["feed"]
        return feed
