"""Two histories that differ only in what a body may not see give it equal bytes, class by class (PRV-03)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.disclosure import SHIPPED
from schemas.fields import DataClass
from schemas.notification import Role
from services.notification.disclosure import Disclosure, disclosure_table
from services.registry.founding import body_id
from shouwang.client import Told
from tests.helpers import Running, embedded
from tests.notification.test_feed_record import router_of
from tests.privacy.lived import SECRETS, LengthCipher, StepWorld, apart, only, quiet
from tests.privacy.measured import Record, many, tell

PAIRS, TIMES = 2_000, many(1, 5)
PAGES = many(3, 10)
"""Of so many children of each class everybody asks for the page; rows are compared of all."""
REGION = "990101001001"
DIFFER: dict[DataClass, tuple[dict[str, Any], dict[str, Any]]] = {
    DataClass.NAME: ({"name": "赵小禾"}, {"name": "钱小穗"}),
    DataClass.IDNUMBER: (
        {"family_id_numbers": {"mother": "990101198503050024"}},
        {"family_id_numbers": {"mother": "990101198604070040"}},
    ),
    DataClass.ADDRESS: ({"residence": "上塘村3组"}, {"residence": "上塘村7组"}),
    DataClass.CONTACT: (
        {"family_phones": {"mother": "13900000001"}},
        {"family_phones": {"mother": "13900000002"}},
    ),
    DataClass.FAMILY: ({"mother": {"name": "王桂花"}}, {"mother": {"name": "李秋菊"}}),
    DataClass.SCHOOLING: (
        {"schooling": "primary", "boards": True},
        {"schooling": "primary", "boards": False},
    ),
    DataClass.HEALTH: ({"illness": "哮喘"}, {"illness": "癫痫"}),
    DataClass.ECONOMIC: ({"income": ["务农"]}, {"income": ["低保"]}),
}
"""By class: what the first history says and what the second; as long, so that only the content differs."""
SEES = {
    "village-a1": {"village-a1-director"}, "civil-affairs": {"civil-affairs-officer"}, "station-a": {"police-a-desk"},
    "township-b": {"township-b-clerk"}, "school-a": {"school-a-teacher", "school-a-head"},
    "education": {"education-officer"}, "county": {"county-officer"}, "institution": {"institution-officer"},
    "police": {"police-county"}, "auditor": {"procurator"},
}  # fmt: skip
"""Bodies and the posts that look on for them; the township that wrote it all sees it all."""
ROLES = {"village-a1": Role.VILLAGE, "civil-affairs": Role.SUPERVISOR, "station-a": Role.AREA_POLICE}


def facts(n: int, data_class: DataClass, *, second: bool) -> dict[str, Any]:
    """A child whose facts of one class are those of the first history or of the second."""
    told = {"region": REGION, "name": f"小{n:05}", "birth_date": "2015-03-05", "residence": f"上塘村{n}号"}
    return (
        told
        | {k: v for each in DIFFER.values() for k, v in each[0].items() if k not in told}
        | _said(n, data_class, second=second)
    )


def _said(n: int, data_class: DataClass, *, second: bool) -> dict[str, Any]:
    said = dict(DIFFER[data_class][second])
    if "name" in said:
        said["name"] += f"{n:05}"  # nobody is a namesake of somebody else
    return said


Given = dict[str, list[Any]]
"""What a body is given of the children that differ in a class, by "body class"."""


async def history(numbers: range, *, second: bool, table: Disclosure | None = None) -> Given:
    """Live through one history; child n differs in the class that its number says."""
    async with embedded(world=StepWorld(), cipher=LengthCipher(), secrets=SECRETS) as running:
        if table is not None:
            router_of(running)._table = lambda: table
        clerk = await running.sign_in("township-a-clerk")
        ids: dict[DataClass, list[str]] = {}
        async with only(running, "registry"):
            for n in numbers:
                data_class = list(DIFFER)[n % len(DIFFER)]
                done = await clerk.do(
                    "registry/register-child", f"register-{n:06}", **facts(n, data_class, second=second)
                )
                ids.setdefault(data_class, []).append(done["events"][0]["subject"])
        await quiet(running)
        given: Given = {}
        for body, posts in SEES.items():
            rows = await rows_of(running, body)
            for data_class, mine in ids.items():
                given[f"{body} {data_class}"] = [row for child in mine for row in rows.get(child, [])]
            for post in sorted(posts):
                for data_class, answers in (await looked_at(running, post, ids)).items():
                    given[f"{body} {data_class}"] += answers
        return given


async def rows_of(running: Running, body: str) -> dict[str, list[str]]:
    """What stands in a body's feed and rows, by child."""
    feed = (
        "select f.child, f.event, f.role, f.clause, f.shown, h.envelope, h.blocks from feed f join heard h using (event)"
        " where f.agency = $1 order by 2, 3"
    )
    order = {"entry": "event, role", "child": "child", "task": "kind, ref", "token": "child, token"}
    asked = [("notification", feed)]
    asked += [
        ("agency", f"select * from {table} where agency = $1 order by {by}") for table, by in order.items()
    ]
    found: dict[str, list[str]] = {}
    for database, sql in asked:
        for row in await running.fetch(database, sql, body_id(body)):
            found.setdefault(str(row["child"]), []).append(str(list(row)))
    return found


async def looked_at(
    running: Running, post: str, ids: Mapping[DataClass, Sequence[str]]
) -> dict[DataClass, list[Any]]:
    """What who holds a post is answered: pages, the ledger with its filters, a search for what they may not know."""
    who = await running.sign_in(post)
    tasks = (await who.ask("agency/worklist"))["tasks"]
    ledger = (await who.ask("agency/ledger", schooling="primary"))["children"]
    told: dict[DataClass, list[Any]] = {}
    for data_class, mine in ids.items():
        answers = told.setdefault(
            data_class, [each for each in (*tasks, *ledger) if each["child"] in set(mine)]
        )
        for name in (said["name"] for said in DIFFER[data_class] if "name" in said):
            answers.append(await who.search(name=name))
        for child in mine[:: max(1, len(mine) // PAGES)]:
            try:
                answers.append(await who.ask(f"agency/children/{child}"))
            except Told as refused:
                answers.append([refused.status, refused.body])
    return told


def unseen(table: Disclosure, body: str) -> set[DataClass]:
    """The classes of a ledger that a body may not see."""
    if body not in ROLES:
        return set(DIFFER)
    rule = table.find_rule("registry.child-registered.v1", ROLES[body])
    assert rule is not None
    return set(DIFFER) - set(rule.show)


def differing(table: Disclosure, one: Given, other: Given) -> set[str]:
    """Return "body class" where the histories differ for somebody who may not see the class."""
    hidden = {f"{body} {data_class}" for body in SEES for data_class in unseen(table, body)}
    return {at for at in one if at in hidden and one[at] != other[at]}


async def pair(folder: Path, first: int, count: int, *how: str) -> list[Given]:
    """Live through two histories of so many children."""
    lived = await apart(folder, *(["disclosure", first, count, second, *how] for second in (0, 1)))
    return [given for given, _ in lived]


@pytest.mark.req("PRV-03")
@pytest.mark.timeout(3000)
async def test_2000_pairs_that_differ_in_a_class_that_a_body_may_not_see_give_it_equal_bytes(
    tmp_path: Path, record_property: Record
) -> None:
    found: set[str] = set()
    for first in range(0, PAIRS * TIMES, PAIRS):
        one, other = await pair(tmp_path, first, PAIRS)
        assert len(one) == len(SEES) * len(DIFFER)
        assert len(one["village-a1 name"]) > PAIRS // len(DIFFER)
        assert one["township-b name"]
        found |= differing(disclosure_table(), one, other)
    tell(record_property, "disclosure", tried=PAIRS * TIMES, failed=len(found), bar=10_000)
    assert found == set()


def leaky() -> Disclosure:
    """A planted table: the station is shown telephones."""
    lines = yaml.safe_load(SHIPPED.read_bytes())
    lines["registry.child-registered.v1"]["area_police"]["show"].append("contact")
    return Disclosure(yaml.safe_dump(lines, allow_unicode=True).encode())


@pytest.mark.req("PRV-03")
async def test_a_class_that_is_shown_to_the_wrong_role_is_noticed(tmp_path: Path) -> None:
    """The table that the test asks says that the station is shown none."""
    one, other = await pair(tmp_path, 0, 16, "planted")
    assert differing(disclosure_table(), one, other) == {"station-a contact"}
