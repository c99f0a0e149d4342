"""What the live service answers: counts and warnings, to the bodies that act on them, of their own region alone."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from schemas.reference import BodyKind
from services.kernel.doors.web import Purpose, Who
from services.kernel.errors import NotAllowed
from services.kernel.hearing.reference import covers
from services.kernel.people.auth import Principal
from services.live.windows import Rules, Windows

MAY_ASK = frozenset(
    {BodyKind.POLICE, BodyKind.POLICE_STATION, BodyKind.CIVIL_AFFAIRS, BodyKind.COUNTY_GOVERNMENT}
)
"""Default deny: whoever isn't named here is refused."""

_TownshipCode = Annotated[str, Field(description="乡镇区划代码 · Code of the township")]
_Hour = Annotated[datetime, Field(description="小时起点(北京时间) · Beginning of the hour, China time")]


class CountTold(BaseModel):
    """One township's hour."""

    model_config = ConfigDict(from_attributes=True)

    township: _TownshipCode
    hour: _Hour
    filed: Annotated[int, Field(description="报告数 · Reports filed")]
    accepted: Annotated[int, Field(description="受理数 · Reports accepted")]


class AlertTold(BaseModel):
    """One warning."""

    model_config = ConfigDict(from_attributes=True)

    kind: Annotated[Literal["surge", "silence"], Field(description="突增或静默 · Surge or silence")]
    township: _TownshipCode
    hour: _Hour
    count: Annotated[int, Field(description="该小时报告数 · Reports in that hour")]
    usual: Annotated[float, Field(description="平常每小时报告数 · Reports an hour that are usual")]


class Counts(BaseModel):
    """Counts of the last 72 hours."""

    counts: Annotated[list[CountTold], Field(description="各乡镇各小时 · Hours, by township")]


class Alerts(BaseModel):
    """What there is to warn of now."""

    alerts: Annotated[list[AlertTold], Field(description="预警 · Warnings, by township")]


def _asked(asker: Principal) -> Callable[[str], bool]:
    """Return whether a township is the asker's to see; raises NotAllowed for bodies that may not ask at all."""
    if asker.kind not in MAY_ASK:
        raise NotAllowed
    return lambda township: covers(asker.body.region, township)


def routes(windows: Windows, rules: Rules, who: Who, now: Callable[[], datetime]) -> APIRouter:
    """Return the two questions."""
    router = APIRouter(tags=["查询 questions"])

    @router.get("/counts", summary="各乡镇每小时报告数 · Reports by township and hour")
    async def counts(request: Request, x_purpose: Purpose) -> Counts:  # noqa: ARG001 - read by who()
        shown = _asked(await who(request))
        return Counts(
            counts=[CountTold.model_validate(c) for c in windows.counts() if shown(c.township)],
        )

    @router.get("/alerts", summary="突增与静默预警 · Surges and silences")
    async def alerts(request: Request, x_purpose: Purpose) -> Alerts:  # noqa: ARG001 - read by who()
        shown = _asked(await who(request))
        found = windows.alerts(now(), rules)
        return Alerts(alerts=[AlertTold.model_validate(a) for a in found if shown(a.township)])

    return router
