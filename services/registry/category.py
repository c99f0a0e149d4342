"""Which categories a child has under a pack, and why: REG-01, REG-02, three-valued where facts are missing."""

from datetime import date
from functools import cache
from uuid import UUID

from schemas.fields import birth_date_in
from schemas.packs import KnownPack
from schemas.registry import ChildCategoryAssigned, Finding, LedgerFacts, RuralProof
from services.kernel.errors import Refusal

LEFT_BEHIND = "LEFT_BEHIND"


class NoPolicy(Refusal):
    """本地尚未采用政策包,无法认定,请先采用政策包。 · No policy pack is adopted here: adopt one first."""

    status = 409


def decide_categories(
    child: UUID, region: str, facts: LedgerFacts, pack: KnownPack, day: date
) -> ChildCategoryAssigned:
    """Judge every condition on `day`; a category holds only where each one is known to hold."""
    rule = pack.pack.left_behind
    birth = facts.birth_date or (birth_date_in(facts.id_number) if facts.id_number else None)
    under_age = None if birth is None else younger_than(rule.age_below, birth, day)
    holds = {
        "both_parents_away": facts.both_parents_away,
        "one_away_other_incapable": facts.one_away_other_incapable,
        "under_age": under_age,
    }
    away = _either(facts.both_parents_away, facts.one_away_other_incapable)
    verdict = _both(away, under_age)
    if rule.rural_facts:
        rural = {RuralProof.VERIFIED: True, RuralProof.NOT_RURAL: False}.get(
            facts.rural or RuralProof.UNVERIFIED
        )
        holds["rural_household"] = rural
        verdict = _both(verdict, rural)
    return ChildCategoryAssigned(
        child=child,
        region=region,
        categories=(LEFT_BEHIND,) if verdict else (),
        undetermined=(LEFT_BEHIND,) if verdict is None else (),
        findings=tuple(_finding(c, h, rule.clauses[c]) for c, h in holds.items()),
    )


@cache
def _finding(condition: str, holds: bool | None, clause: str) -> Finding:  # noqa: FBT001 - three-valued
    """Return the finding: the same few for a whole ledger."""
    return Finding(condition=condition, holds=holds, clause=clause)


def _either(one: bool | None, other: bool | None) -> bool | None:  # noqa: FBT001 - three-valued logic
    if one or other:
        return True
    return None if one is None or other is None else False


def _both(one: bool | None, other: bool | None) -> bool | None:  # noqa: FBT001 - three-valued logic
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def younger_than(limit: int, birth: str, day: date) -> bool | None:
    """Tell whether a child is under `limit` years on `day`; None where a partial birth date leaves it open."""
    earliest, latest = _span(birth)
    oldest, youngest = _age(earliest, day), _age(latest, day)
    if oldest < limit:
        return True
    return None if youngest < limit else False


def _span(birth: str) -> tuple[date, date]:
    parts = [int(p) for p in birth.split("-")]
    if len(parts) == 3:
        return date(*parts), date(*parts)
    if len(parts) == 1:
        return date(parts[0], 1, 1), date(parts[0], 12, 31)
    following = date(parts[0] + parts[1] // 12, parts[1] % 12 + 1, 1)
    return date(parts[0], parts[1], 1), date.fromordinal(following.toordinal() - 1)


def _age(birth: date, day: date) -> int:
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
