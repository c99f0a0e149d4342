"""Questions that other services ask notification: which keys the feed has earned, and how far the router is."""

import hmac
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header

from services.kernel.errors import NotSignedIn
from services.notification.feed import Disclosed


def internal_routes(disclosed: Disclosed, service_secret: str) -> APIRouter:
    """Return routes for services alone: they show the service secret."""
    router = APIRouter(include_in_schema=False)

    def trusted(secret: str) -> None:
        if not hmac.compare_digest(secret.encode(), service_secret.encode()):
            raise NotSignedIn

    @router.post("/internal/earned")
    async def earned(
        agency: Annotated[UUID, Body()], pairs: Annotated[list[tuple[str, str]], Body(max_length=20_000)],
        x_service_secret: Annotated[str, Header()] = "",
    ) -> list[tuple[str, str]]:  # fmt: skip
        trusted(x_service_secret)
        return sorted(await disclosed.earned(agency, pairs))

    @router.get("/internal/reached")
    async def reached(
        source: str, partition: int, seq: int, x_service_secret: Annotated[str, Header()] = ""
    ) -> dict[str, Any]:
        trusted(x_service_secret)
        return {"feed": await disclosed.reached(source, partition, seq)}

    return router
