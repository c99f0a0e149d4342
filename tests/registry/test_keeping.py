"""What may happen to a person's data: held against erasure, erased in part, sealed until two posts agree."""

from typing import Any
from uuid import UUID

import pytest

from schemas.fields import DataClass
from schemas.registry import (
    ErasureHeld,
    ErasureHoldEnded,
    SubjectErased,
    SubjectSealed,
    SubjectUnsealed,
    UnsealingApproved,
)
from services.kernel.errors import FileSealed
from services.registry.child import CHILD, Child, CorrectFact, UpdateLedgerEntry
from services.registry.founding import body_id
from services.registry.keeping import (
    EndHold,
    EraseSubject,
    HeldAgainstErasure,
    HoldErasure,
    NotByItself,
    SealSubject,
    SecondPost,
    UnsealSubject,
)
from shouwang.client import Told
from tests.helpers import embedded
from tests.registry.ledger.making import number
from tests.registry.test_child import XIAOHE, on_file
from tests.scenario import VILLAGE, Scenario, scenario, some

ABOUT: dict[str, Any] = {"person": XIAOHE, "children": (XIAOHE,), "basis": "CASE_2026_17"}
FACT: dict[str, Any] = {"child": XIAOHE, "person": XIAOHE, "region": VILLAGE, "basis": "CASE_2026_17"}
FIRST, SECOND = some(201), some(202)
ONE, OTHER = some(301), some(302)
AGREED = UnsealingApproved(**FACT, post=FIRST, approver=ONE)
ALSO = UnsealingApproved(**FACT, post=SECOND, approver=OTHER)


def registry(*events: Any) -> Scenario[Child]:
    return scenario(CHILD, post=FIRST, person=ONE).given(*on_file(), *events)


@pytest.mark.req("PRV-04")
def test_what_is_held_is_not_erased_until_the_hold_ends() -> None:
    held = registry().when(HoldErasure(**ABOUT)).then(ErasureHeld(**FACT))
    held.when(HoldErasure(**ABOUT)).then()
    held.when(EraseSubject(**ABOUT)).refused(HeldAgainstErasure)
    held.when(EraseSubject(**ABOUT, classes=(DataClass.HEALTH,))).refused(HeldAgainstErasure)
    free = held.when(EndHold(**ABOUT)).then(ErasureHoldEnded(**FACT))
    free.when(EndHold(**ABOUT)).then()
    free.when(EraseSubject(**ABOUT)).then(SubjectErased(**FACT))


@pytest.mark.req("PRV-04")
def test_a_class_is_erased_once_and_the_rest_may_follow() -> None:
    health, family = DataClass.HEALTH, DataClass.FAMILY
    one = (
        registry()
        .when(EraseSubject(**ABOUT, classes=(health,)))
        .then(SubjectErased(**FACT, classes=(health,)))
    )
    one.when(EraseSubject(**ABOUT, classes=(health,))).then()
    one.when(EraseSubject(**ABOUT, classes=(family, health))).then(SubjectErased(**FACT, classes=(family,)))
    whole = one.when(EraseSubject(**ABOUT)).then(SubjectErased(**FACT))
    whole.when(EraseSubject(**ABOUT, classes=(family,))).then()


@pytest.mark.req("PRV-01")
@pytest.mark.parametrize("name", [DataClass.OPEN, DataClass.REPORTER])
def test_open_fields_and_the_reporters_class_are_not_erased_by_themselves(name: DataClass) -> None:
    registry().when(EraseSubject(**ABOUT, classes=(name, DataClass.NAME))).refused(NotByItself)


@pytest.mark.req("PRV-07")
def test_two_posts_unseal_and_one_that_asks_twice_does_not() -> None:
    sealed = registry().when(SealSubject(**ABOUT)).then(SubjectSealed(**FACT))
    sealed.when(SealSubject(**ABOUT)).then()
    agreed = sealed.when(UnsealSubject(**ABOUT)).then(AGREED)
    agreed.when(UnsealSubject(**ABOUT)).refused(SecondPost)
    agreed.told(post=SECOND).when(UnsealSubject(**ABOUT)).refused(SecondPost)  # one person, from two posts
    agreed.told(person=OTHER).when(UnsealSubject(**ABOUT)).refused(SecondPost)  # one post, handed on
    open_again = (
        agreed.told(post=SECOND, person=OTHER).when(UnsealSubject(**ABOUT)).then(SubjectUnsealed(**FACT))
    )
    open_again.when(UnsealSubject(**ABOUT)).then()
    again = open_again.when(SealSubject(**ABOUT)).then(SubjectSealed(**FACT))
    again.when(UnsealSubject(**ABOUT)).then(ALSO)


@pytest.mark.req("PRV-07")
def test_an_agreement_counts_for_the_sealing_that_it_was_given_for() -> None:
    before = registry(SubjectSealed(**FACT), AGREED)
    other = (
        before.told(post=SECOND, person=OTHER)
        .when(UnsealSubject(**ABOUT))
        .done()
        .when(SealSubject(**ABOUT))
        .done()
    )
    other.when(UnsealSubject(**ABOUT)).then(ALSO)


@pytest.mark.req("PRV-07")
def test_nothing_is_entered_in_a_sealed_file_and_a_hold_or_an_erasure_is() -> None:
    sealed = registry(SubjectSealed(**FACT))
    sealed.when(UpdateLedgerEntry(child=XIAOHE, name="张小荷")).refused(FileSealed)
    sealed.when(
        CorrectFact(child=XIAOHE, event=some(60), field="name", value="张小荷", basis="HOME_VISIT")
    ).refused(FileSealed)
    sealed.when(HoldErasure(**ABOUT)).then(ErasureHeld(**FACT))
    sealed.when(EraseSubject(**ABOUT)).then(SubjectErased(**FACT))


FACTS: dict[str, Any] = {
    "birth_date": "2015-03-05", "residence": "上塘村1组", "father": {"name": "张大田"}, "health": "ill", "illness": "哮喘",
    "id_number": number("20150305"),
}  # fmt: skip


@pytest.mark.req("PRV-04", "PRV-07")
@pytest.mark.parametrize("suite", ["aes", "gm"])
async def test_a_file_is_sealed_unsealed_and_erased_in_part_under_both_suites(
    suite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOUWANG_SUITE", suite)
    async with embedded() as running:
        child = await running.register("张小禾", **FACTS)
        await running.client.settled()
        clerk, officer, police = [
            await running.sign_in(p) for p in ("township-a-clerk", "civil-affairs-officer", "police-county")
        ]
        about: dict[str, Any] = {"person": child, "children": [child], "basis": "CASE_2026_17"}
        rows = await running.fetch(
            "registry", "select convert_from(envelope, 'utf8') as told from event where blocks <> '\\x90'"
        )
        assert rows
        assert all(('"alg":"SM4GCM"' in r["told"]) == (suite == "gm") for r in rows)

        async def seen() -> tuple[bool, list[str], list[str]]:
            await running.client.settled()
            page = await clerk.ask(f"agency/children/{child}")
            found = await clerk.search(name="张小禾")
            return "张小禾" in str(page), page["sealed"], [c["child"] for c in found]

        assert await seen() == (True, [], [child])
        await officer.do("registry/seal-subject", **about)
        assert await seen() == (False, [child], [])
        with pytest.raises(Told, match="409 file-sealed"):
            await clerk.do("registry/update-ledger-entry", child=child, residence="上塘村2组")
        await officer.do("registry/unseal-subject", **about)
        assert await seen() == (False, [child], [])
        with pytest.raises(Told, match="409 second-post"):
            await officer.do("registry/unseal-subject", **about)
        await police.do("registry/unseal-subject", **about)
        assert await seen() == (True, [], [child])

        await police.do("registry/hold-erasure", **about)
        with pytest.raises(Told, match="409 held-against-erasure"):
            await officer.do("registry/erase-subject", **about, classes=["health"])
        await police.do("registry/end-erasure-hold", **about)
        assert "哮喘" in str(await clerk.ask(f"agency/children/{child}"))
        await officer.do("registry/erase-subject", **about, classes=["health", "idnumber"])
        assert await seen() == (True, [], [child])
        page = await clerk.ask(f"agency/children/{child}")
        assert "哮喘" not in str(page)
        assert FACTS["id_number"] not in str(page)
        assert page["facts"]["residence"] == FACTS["residence"]
        assert await clerk.search(number=FACTS["id_number"][-4:]) == []
        tokens = await running.fetch(
            "agency", "select count(*) as many from token where agency = $1", body_id("township-a")
        )
        await officer.do("registry/erase-subject", **about)
        assert await seen() == (False, [], [])
        left = await running.fetch(
            "agency", "select count(*) as many from token where agency = $1", body_id("township-a")
        )
        assert tokens[0]["many"] > left[0]["many"] == 0
        await clerk.do("registry/register-child", region=VILLAGE, name="李小满", birth_date="2016-01-02")


@pytest.mark.req("PRV-04")
async def test_who_was_erased_claims_no_id_number_any_more_nor_in_a_database_from_before() -> None:
    """A claim is a keyed hash: with the ring, every ID number of a county could be tried against it."""
    async with embedded() as running:
        officer = await running.sign_in("civil-affairs-officer")

        async def claimed() -> list[str]:
            await running.client.settled()
            return sorted(
                str(row["holder"]) for row in await running.fetch("registry", "select holder from claim")
            )

        async def erase(child: str, **what: Any) -> None:
            about: dict[str, Any] = {"person": child, "children": [child], "basis": "PIPL_47"}
            await officer.do("registry/erase-subject", **about, **what)

        whole, part, kept = [
            await running.register(name, id_number=number(born))
            for name, born in (("张小禾", "20150305"), ("李小满", "20150306"), ("王小苗", "20150307"))
        ]
        await erase(whole)
        await erase(part, classes=["idnumber"])
        await erase(kept, classes=["health"])
        assert await claimed() == [kept]
        with pytest.raises(Told, match="409 already-on-file"):
            await running.register("王小苗", id_number=number("20150307"))
        again = await running.register("张小禾", id_number=number("20150305"))
        assert await claimed() == sorted([kept, again])
        await running.fetch(
            "registry",
            "insert into claim select sha256(c::text::bytea), c from unnest($1::uuid[]) c",
            [whole, part],
        )
        assert len(await claimed()) == 4
        for act in running.platform.services["registry"].first:
            await act()
        assert await claimed() == sorted([kept, again])


@pytest.mark.req("PRV-07")
async def test_a_seal_that_the_key_ring_does_not_carry_out_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted violation: the event says sealed, the ring gives the keys out as before."""
    monkeypatch.setattr("services.kernel.keys.ring.KeyRing.seal", lambda _ring, _subject: None)
    async with embedded() as running:
        child = await running.register("张小禾")
        officer = await running.sign_in("civil-affairs-officer")
        await officer.do("registry/seal-subject", person=child, children=[child], basis="CASE_2026_17")
        await running.client.settled()
        with pytest.raises(AssertionError):
            assert "张小禾" not in str(await officer.ask(f"agency/children/{UUID(child)}"))
