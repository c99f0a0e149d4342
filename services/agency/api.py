"""What an agency asks over HTTP. Nothing is written here but the record of each look."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.fields import PartialDate
from services.agency.candidates import Described
from services.agency.exporting import Exporting, Kind
from services.agency.finding import Candidates, Finding
from services.agency.reading import Reading
from services.agency.views import Ledger, Page, Summary, Views, Worklist
from services.kernel.doors.cursors import Cursors
from services.kernel.doors.heard import AtLeast
from services.kernel.doors.web import Cursor, Purpose, Who

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ChildPath = Annotated[UUID, Path(description="儿童编号 · Child id")]


class Search(BaseModel):
    """Search by name, by ID number or its last four or six characters, or by both."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str | None,
        Field(
            description="姓名、单字或拼音 · Name, characters of it, or pinyin",
            min_length=1,
            max_length=60,
            examples=["小禾"],
        ),
    ] = None
    number: Annotated[
        str | None,
        Field(
            description="身份号码或后四位、后六位 · ID number, or its last four or six",
            pattern=r"^(\d{3}|\d{5}|\d{17})[\dXx]$",
        ),
    ] = None


class Wanted(BaseModel):
    """A child about to be registered, as far as it is known. An ID number need not be right: a slip in it is found."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str | None, Field(description="姓名 · Name", min_length=1, max_length=60, examples=["张小禾"])
    ] = None
    birth_date: Annotated[
        PartialDate | None,
        Field(
            description="出生日期,可只填年或年月 · Date of birth; a year, or year and month, will do",
            examples=["2015-03-05"],
        ),
    ] = None
    id_number: Annotated[
        str | None, Field(description="身份号码,18位 · ID number, 18 characters", pattern=r"^\d{17}[\dXx]$")
    ] = None
    region: Annotated[
        str | None,
        Field(
            description="所在村区划代码,12位 · Code of the village, 12 digits",
            pattern=r"^\d{12}$",
            examples=["990101001001"],
        ),
    ] = None


def routes(
    views: Views, finding: Finding, exporting: Exporting, reading: Reading, cursors: Cursors, who: Who
) -> APIRouter:
    """Return the agency's questions."""
    router = APIRouter(tags=["查询 questions"])

    @router.get("/worklist", summary="待办 · What there is to do")
    async def worklist(request: Request, x_purpose: Purpose, at_least: AtLeast = None) -> Worklist:  # noqa: ARG001
        asker = await who(request)
        await reading.wait_for(at_least)
        return await views.worklist(asker)

    @router.get("/ledger", summary="台账 · The ledger, with filters")
    async def ledger(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001 - read by who(), named for the documentation
        region: Annotated[str, Query(pattern=r"^\d{0,12}$", description="区划代码或其前缀 · Region code or its start")] = "",
        category: Annotated[str | None, Query(description="类别 · Category that holds", max_length=40)] = None,
        undetermined: Annotated[str | None, Query(description="待定类别 · Category that awaits facts", max_length=40)] = None,
        sex: Annotated[str | None, Query(description="性别 · Sex", max_length=10)] = None,
        schooling: Annotated[str | None, Query(description="就学情况 · Schooling", max_length=30)] = None,
        quality: Annotated[str | None, Query(description="监护类型 · Quality of guardianship", max_length=30)] = None,
        after: Cursor = None,
        at_least: AtLeast = None,
    ) -> Ledger:  # fmt: skip
        asker = await who(request)
        await reading.wait_for(at_least)
        wanted = {
            "region": region, "categories": category, "undetermined": undetermined, "sex": sex,
            "schooling": schooling, "quality": quality,
        }  # fmt: skip
        question = {"ledger": wanted.copy()}
        place = cursors.read(asker.body.id, question, after)
        page = await views.ledger(asker, wanted, UUID(place) if place else None)
        return page.model_copy(update={"next": cursors.make(asker.body.id, question, page.next)})

    @router.get(
        "/exports/{kind}",
        summary="导出台账:花名册、登记表、汇总表(xlsx) · The ledger as roster, forms or annex 3",
        response_class=Response,
        responses={200: {"content": {_XLSX: {}}, "description": "工作簿 · The workbook"}},
    )
    async def export(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        kind: Annotated[
            Kind, Path(description="roster 花名册、forms 登记表、summary 汇总表 · What to take out")
        ],
        closing_date: Annotated[date, Query(description="填报截止日期 · Ages are counted to this day")],
        at_least: AtLeast = None,
    ) -> Response:
        asker = await who(request)
        await reading.wait_for(at_least)
        book = await exporting.export(asker, kind, closing_date)
        return Response(
            book,
            media_type=_XLSX,
            headers={"Content-Disposition": f'attachment; filename="{kind}-{closing_date}.xlsx"'},
        )

    @router.post("/search", summary="查找儿童 · Find a child")
    async def search(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        wanted: Search,
        at_least: AtLeast = None,
    ) -> list[Summary]:
        asker = await who(request)
        await reading.wait_for(at_least)
        return await views.search(asker, wanted.name, wanted.number.upper() if wanted.number else None)

    @router.post("/candidates", summary="登记前查重 · Who on file may be the child about to be registered")
    async def candidates(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        wanted: Wanted,
        at_least: AtLeast = None,
    ) -> Candidates:
        asker = await who(request)
        await reading.wait_for(at_least)
        number = wanted.id_number.upper() if wanted.id_number else None
        return await finding.candidates(
            asker, Described(wanted.name, wanted.birth_date, number, wanted.region)
        )

    @router.get("/children/{child}", summary="儿童档案页 · A child's page")
    async def page(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        child: ChildPath,
        at_least: AtLeast = None,
        until: Annotated[
            AwareDatetime | None,
            Query(
                description="重放到该时刻的档案页 · The page as it was at this moment; what ended access took away stays away"
            ),
        ] = None,
    ) -> Page:
        asker = await who(request)
        await reading.wait_for(at_least)
        return await views.page(asker, child, until)

    return router
