"""Asks the other services over HTTP as whoever is signed in."""

from collections.abc import Mapping
from typing import Any

import httpx2

from services.console.session import Session
from services.kernel.errors import Refusal

PURPOSE = "data-protection"
"""What a look from these pages is for, as it stands on record."""


class ServiceAway(Refusal):
    """所需的服务暂不可用,请稍后重试。 · A service that is needed is away: try again in a moment."""

    status = 503


class Refused(Exception):  # noqa: N818 - another service's refusal, passed on
    """What a service refused: its status and problem+json, to be shown as it says."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """Keep both."""
        super().__init__(problem.get("code"))
        self.status = status
        self.problem = problem


class Services:
    """The other services, by their base addresses."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """Ask them here: registry, agency, audit."""
        self._places = places
        self.http = httpx2.AsyncClient(timeout=30)

    async def ask(self, path: str, session: Session | None = None, **params: Any) -> Any:
        """Return the answer to `<service>/…`. Raises Refused, ServiceAway."""
        given = {name: value for name, value in params.items() if value not in (None, "")}
        return (await self._send("GET", path, session, params=given)).json()

    async def post(self, path: str, told: Any, session: Session | None = None) -> Any:
        """Ask with a body. Raises Refused, ServiceAway."""
        return (await self._send("POST", path, session, json=told)).json()

    async def _send(self, method: str, path: str, session: Session | None, **how: Any) -> httpx2.Response:
        headers = {"X-Purpose": PURPOSE}
        if session:
            headers["Authorization"] = f"Bearer {session.token}"
            headers |= {"X-Post": session.post} if session.post else {}
        try:
            answer = await self.http.request(
                method, f"{self._places[path.split('/', maxsplit=1)[0]]}/{path}", headers=headers, **how
            )
        except httpx2.TransportError as error:
            raise ServiceAway from error
        if answer.status_code >= 400:
            try:
                problem = answer.json()
            except ValueError as error:
                raise ServiceAway from error
            raise Refused(answer.status_code, problem)
        return answer
