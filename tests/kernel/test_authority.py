"""Who may: the table walked by hand agrees with the kernel on every request, and "may I" says what the command would say."""

import itertools
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import yaml

from schemas.reference import BodyKind
from services.kernel.errors import NotAllowed
from services.kernel.hearing.reference import Body
from services.kernel.people import authority
from services.kernel.people.auth import Principal
from services.kernel.people.authority import check
from shouwang.client import Told
from tests.helpers import Running, embedded
from tests.privacy.measured import Record, tell

TABLE: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parents[2] / "schemas" / "authority.yaml").read_text(encoding="utf8")
)
COMMANDS = [*TABLE, "erase-everything", "grant-access", "*", ""]
KINDS = [kind.value for kind in BodyKind]
REGIONS = ["990101000000", "990101001000", "990101001001", "990101002000", "990102000000", "990102001001"]
ME, OTHER = UUID(int=1), UUID(int=2)


class Request(NamedTuple):
    """What is asked: by a body of this kind and region, about a matter of that region, addressee and body above."""

    command: str
    kind: str
    home: str
    region: str | None
    addressee: UUID | None
    superior: UUID | None


def ancestors(region: str) -> list[str]:
    """A region, and those that it lies in: village, township, county. Another way than the kernel's."""
    levels = [region, region[:9] + "0" * 3, region[:6] + "0" * 6]
    return levels[levels.index(region) :]


def walked(asked: Request) -> bool:
    """The oracle: walk the file's lines, as a reader with a pencil does."""
    for line in TABLE.get(asked.command, []):
        if asked.kind in line["bodies"]:
            if line["scope"] == "anyone":
                return True
            if line["scope"] == "own_region" and asked.region and asked.home in ancestors(asked.region):
                return True
            if line["scope"] == "addressee" and asked.addressee == ME:
                return True
            if line["scope"] == "above" and asked.superior == ME:
                return True
    return False


def checked(asked: Request) -> bool:
    """The kernel's answer."""
    who = Principal(
        uuid4(), uuid4(), Body(ME, BodyKind(asked.kind), "某单位", "A body", asked.home, None), "case-work"
    )
    try:
        check(asked.command, who, region=asked.region, addressee=asked.addressee, superior=asked.superior)
    except NotAllowed:
        return False
    return True


def disagreements(requests: list[Request]) -> list[Request]:
    """What the kernel answers otherwise than the oracle."""
    return [asked for asked in requests if walked(asked) != checked(asked)]


PEOPLE = [None, ME, OTHER]
MATRIX = [
    Request(*each) for each in itertools.product(COMMANDS, KINDS, REGIONS[:3], [None, *REGIONS], PEOPLE, PEOPLE)
]  # fmt: skip


@pytest.mark.req("PRV-03")
def test_the_kernel_and_the_table_walked_by_hand_agree_on_the_whole_matrix() -> None:
    assert disagreements(MATRIX) == []
    allowed = sum(map(walked, MATRIX))
    assert 0 < allowed < len(MATRIX) / 2


@pytest.mark.req("PRV-03")
def test_they_agree_on_a_hundred_thousand_random_requests(record_property: Record) -> None:
    seed = 20261126
    dice = random.Random(seed)

    def region() -> str:
        county, township, village = (dice.randrange(n) for n in (3, 4, 4))
        return f"99010{county}{township:03}{village if township else 0:03}"

    requests = [
        Request(
            dice.choice(COMMANDS), dice.choice(KINDS), region(), dice.choice([None, region()]), dice.choice(PEOPLE),
            dice.choice(PEOPLE),
        )
        for _ in range(100_000)
    ]  # fmt: skip
    found = disagreements(requests)
    tell(record_property, "authority", tried=len(requests), failed=len(found), bar=100_000, seed=seed)
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        lambda outer, inner: inner.startswith(outer[:6]),  # the county instead of the township
        lambda outer, inner: outer == inner,  # the township's own region alone
        lambda outer, inner: True,  # noqa: ARG005
    ],
    ids=["the whole county", "no village", "everywhere"],
)
def test_a_kernel_that_covers_other_regions_is_caught(monkeypatch: pytest.MonkeyPatch, planted: Any) -> None:
    monkeypatch.setattr(authority, "covers", planted)
    assert disagreements(MATRIX) != []


# --- May I
@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    async with embedded() as platform:
        yield platform


async def ask(running: Running, key: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Ask whether this may be done; nothing is added by asking."""
    who = await running.sign_in(key)
    before = {
        name: each["head"] for name, each in (await running.client.positions()).items() if "head" in each
    }
    service, _, command = path.partition("/")
    told = await running.client.request(
        "POST", f"/{service}/may/{command}", headers=who.headers, json=dict(body)
    )
    after = {
        name: each["head"] for name, each in (await running.client.positions()).items() if "head" in each
    }
    assert before["registry"] == after["registry"]
    answer: dict[str, Any] = told.json()
    return answer


async def do(running: Running, key: str, path: str, body: Mapping[str, Any]) -> str | None:
    """Do it; returns the code of the refusal."""
    try:
        await (await running.sign_in(key)).do(path, str(uuid4()), **body)
    except Told as told:
        return str(told.body["code"])
    return None


CHILD = {"region": "990101001001", "name": "张小禾", "birth_date": "2015-03-05"}


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("township-a-clerk", None), ("township-b-clerk", "not-allowed"), ("school-a-teacher", "not-allowed"),
        ("village-a1-director", "not-allowed"), ("police-county", "not-allowed"), ("procurator", "not-allowed"),
    ],
)  # fmt: skip
async def test_the_answer_is_what_the_command_would_say(running: Running, key: str, code: str | None) -> None:
    told = await ask(running, key, "registry/register-child", CHILD)
    assert (told["may"], told["code"]) == (code is None, code)
    assert told["zh"]
    assert told["en"]
    assert [(rule["bodies"], rule["scope"]) for rule in told["who"]] == [(["township"], "own_region")]
    assert bool(told["clauses"]) == (code is None)
    assert await do(running, key, "registry/register-child", CHILD | {"name": f"张{key}"[:2]}) == code


@pytest.mark.req("PRV-03")
async def test_of_another_s_file_it_says_no_more_than_the_command(running: Running) -> None:
    clerk = await running.sign_in("township-a-clerk")
    child = (await clerk.do("registry/register-child", str(uuid4()), **CHILD | {"name": "李小麦"}))["events"][
        0
    ]["subject"]
    change = {"child": child, "residence": "上塘村3组"}
    theirs = await ask(running, "township-b-clerk", "registry/update-ledger-entry", change)
    nobodys = await ask(
        running, "township-b-clerk", "registry/update-ledger-entry", change | {"child": str(uuid4())}
    )
    assert theirs == nobodys
    assert theirs["code"] == await do(running, "township-b-clerk", "registry/update-ledger-entry", change)
    assert (await ask(running, "township-a-clerk", "registry/update-ledger-entry", change))["may"]


async def test_of_a_child_that_is_on_file_already_it_says_so(running: Running) -> None:
    twice = CHILD | {"name": "王小麦"}
    assert await do(running, "township-a-clerk", "registry/register-child", twice) is None
    told = await ask(running, "township-a-clerk", "registry/register-child", twice)
    assert told["code"] == await do(running, "township-a-clerk", "registry/register-child", twice)
    assert told["code"] == "already-on-file"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("registry/register-child", {"region": "99"}, "bad-input"),
        ("registry/grant-access", {}, "not-found"),
        ("registry/erase-everything", {}, "not-found"),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(
    running: Running, path: str, body: dict[str, Any], code: str
) -> None:
    with pytest.raises(Told) as told:
        await ask(running, "township-a-clerk", path, body)
    assert told.value.body["code"] == code
