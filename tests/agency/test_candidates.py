"""Search before create: what makes two descriptions alike, what is found on a synthetic register, and what stays fenced."""

from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copytree

import pytest
import pytest_asyncio
import yaml

from services.agency import versions
from services.agency.candidates import LIKELY, REASONS, Described, likeness, name_reasons
from services.agency.names import GLYPHS
from shouwang.client import Told
from tests.agency.measuring import measure
from tests.helpers import Running, embedded

FILED = Described("张小颖", "2015-03-05", "99010120150305001X", "990101001001")


@pytest.mark.parametrize(
    ("asked", "held", "reasons"),
    [
        ("李丽", "李丽", ("same-name",)), ("李丽", "李莉", ("homophone",)), ("杨明", "扬明", ("near-glyph", "homophone")),
        ("季明", "李明", ("near-glyph",)), ("曾力", "增力", ("homophone",)), ("张小禾", "张小苗", ("one-character-differs",)),
        ("张禾", "张小禾", ("name-inside",)), ("小禾", "张小禾", ("name-inside",)), ("禾", "张小禾", ()), ("张", "李", ()),
        ("张小禾", "李大苗", ()), ("zhangxiaohe", "张小禾", ("homophone",)),
    ],
)  # fmt: skip
def test_two_names_are_alike_in_these_ways(asked: str, held: str, reasons: tuple[str, ...]) -> None:
    assert name_reasons(asked, held) == reasons
    assert set(name_reasons(held, asked)) == set(reasons)


@pytest.mark.parametrize(
    ("born", "reason"),
    [
        ("2015-03-05", "same-birth-date"), ("2015-03", "birth-date-partial"), ("2015", "birth-date-partial"),
        ("2015-05-03", "birth-date-transposed"), ("2015-30-05", "birth-date-transposed"),
        ("2051-03-05", "birth-date-transposed"), ("2015-03-06", "birth-date-differs"), ("2014", "birth-date-differs"),
    ],
)  # fmt: skip
def test_two_births_are_alike_in_these_ways(born: str, reason: str) -> None:
    assert likeness(Described(birth_date=born), FILED).reasons == (reason,)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("99010120150305001X", "same-id"), ("99010120150305002X", "id-one-slip"),
        ("99010120150305010X", "id-one-slip"), ("99010120150305123X", "id-differs"),
    ],
)  # fmt: skip
def test_two_id_numbers_are_alike_in_these_ways(number: str, reason: str) -> None:
    assert likeness(Described(id_number=number), FILED).reasons[0] == reason


def test_more_agreement_scores_higher_and_a_namesake_is_less_likely_than_not() -> None:
    whole = likeness(FILED._replace(id_number=None), FILED)
    namesake = likeness(FILED._replace(id_number=None, birth_date="2012-11-30", region="990101001002"), FILED)
    assert whole.score > LIKELY > namesake.score
    assert whole.reasons == ("same-name", "same-birth-date", "same-village")
    assert likeness(FILED, FILED).score > whole.score - 0.001


def test_every_look_alike_stands_in_one_group_and_every_reason_has_two_sentences() -> None:
    groups = yaml.safe_load(GLYPHS.read_text(encoding="utf8"))
    characters = "".join(groups)
    assert len(groups) > 60
    assert len(characters) == len(set(characters))
    assert all(len(group) > 1 for group in groups)
    assert all(zh and en for zh, en in REASONS.values())


def test_another_group_of_look_alikes_is_another_fold(tmp_path: Path) -> None:
    copied = copytree(Path(versions.__file__).parent, tmp_path / "agency")
    assert versions.fold_of(copied) == versions.FOLD
    (copied / "glyphs.yaml").write_text("- 己已\n", encoding="utf8")
    assert versions.fold_of(copied) != versions.FOLD


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform() -> AsyncIterator[tuple[Running, str]]:
    async with embedded() as running:
        child = await running.register("张小颖", birth_date="2015-03-05")
        await running.client.settled()
        yield running, child


async def test_each_body_is_told_of_the_children_it_may_see_and_every_look_is_on_record(
    platform: tuple[Running, str],
) -> None:
    running, child = platform
    for key, name, expected in (
        ("township-a-clerk", "张小颍", [child]), ("township-a-clerk", "无此人", []), ("township-b-clerk", "张小颖", []),
    ):  # fmt: skip
        who = await running.sign_in(key)
        (before,) = await running.fetch("agency", "select count(*) from look")
        told = await who.post("agency/candidates", {"name": name})
        assert [c["child"]["child"] for c in told["candidates"]] == expected
        rows = await running.fetch("agency", "select * from look order by seq desc")
        assert len(rows) == before[0] + 1
        assert (rows[0]["operation"], rows[0]["about"]) == ("candidates", expected)


async def test_candidates_that_can_not_be_recorded_are_not_shown(platform: tuple[Running, str]) -> None:
    running, _ = platform
    clerk = await running.sign_in("township-a-clerk")
    await running.fetch("agency", "revoke insert on look from agency_app")
    try:
        with pytest.raises(Told, match="503 recording-down"):
            await clerk.post("agency/candidates", {"name": "张小颖"})
    finally:
        await running.fetch("agency", "grant insert on look to agency_app")


@pytest.mark.slow
async def test_more_are_found_and_fewer_wrongly_than_by_trigrams_with_or_without_the_birth_date() -> None:
    async with embedded() as running:
        told = await measure(running)
    print(told)  # noqa: T201 - the figures are what one reads here
    ours = told.pop("shouwang")
    for peer in told.values():
        assert ours.recall_at_5 > peer.recall_at_5
        assert ours.precision > peer.precision
        assert ours.found > peer.found
