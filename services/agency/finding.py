"""Search before create: who on file may be the child that a clerk is about to register. The look is recorded first."""

from uuid import UUID

from pydantic import BaseModel, Field

from services.agency.candidates import FLOOR, MOST, REASONS, Described, Likeness, described, likeness
from services.agency.reading import Reading
from services.agency.tokens import SearchTokens, all_tokens
from services.agency.views import Summary, summary
from services.kernel.people.auth import Principal

_CONSIDERED = 100
_VERY_MANY = 5_000
# A token tells more the fewer children have it; one that very many have, as a surname, is passed over.
# Behind the fence `coalesce` is not trusted with an index, so that all children would be read; `case` is.
_BEST = (
    "with hit as (select t.child, count(*) over (partition by w.token) as many from unnest($1::bytea[]) w (token),"
    " lateral (select child from token where agency = $3 and token = w.token limit $4) t),"
    " best as (select child, sum(13 - ln(many)) as told from hit where many < $4 group by child"
    " order by told desc, child limit $2)"
    " select f.child, f.region, f.on_file, f.blocks, c.child as own, c.region as own_region, c.blocks as own_blocks"
    " from best join child c on c.agency = $3 and c.child = best.child join child f on f.agency = $3"
    " and f.child = case when c.file is null then c.child else c.file end"
)
"""How many are opened to be ranked: a page of the ledger twice."""


class Reason(BaseModel):
    """One way in which the two agree or differ."""

    code: str = Field(description="理由代码 · Code of the reason")
    zh: str = Field(description="理由 · The reason, in Chinese")
    en: str = Field(description="理由(英文) · The reason")


class Candidate(BaseModel):
    """A child that may be the same child."""

    child: Summary = Field(description="儿童 · The child as lists show it")
    score: float = Field(
        description="相似度,0至1,仅供排序 · Likeness from 0 to 1, to rank by", ge=0, le=1, examples=[0.97]
    )
    reasons: list[Reason] = Field(description="异同之处 · In what they agree and differ")


class Candidates(BaseModel):
    """Children to look at before another is registered."""

    zh: str = Field(description="提示 · What to do with this, in Chinese")
    en: str = Field(description="提示(英文) · What to do with this")
    candidates: list[Candidate] = Field(
        description="可能为同一儿童者,最相似的在前 · May be the same child, best first"
    )


_SOME = (
    "以下可能是同一儿童,请核对后再决定是否登记。",
    "Each of these may be the same child: compare before you decide whether to register.",
)
_NOBODY = (
    "本单位可见范围内未找到可能相同的儿童。",
    "Among the children that this body may see, none was found that may be the same.",
)


class Finding:
    """Finds by search tokens with one query, then ranks by what the body's own keys open."""

    def __init__(self, reading: Reading, tokens: SearchTokens) -> None:
        """Answer through `reading`."""
        self._reading = reading
        self._tokens = tokens

    async def candidates(self, who: Principal, asked: Described) -> Candidates:
        """Return at most 20 children that may be the one described, best first; finding nobody is recorded too.

        One that was reported under another name than its file has is weighed as reported and as filed; the better counts.
        """
        tokens = all_tokens(
            self._tokens, [asked.name] if asked.name else [], [asked.id_number] if asked.id_number else [],
            [asked.birth_date] if asked.birth_date else [],
        )  # fmt: skip
        async with self._reading.rows_of(who.body.id) as rows:
            found = await rows.fetch(_BEST, sorted(tokens), _CONSIDERED, who.body.id, _VERY_MANY)
        packed = {r["own"]: r["own_blocks"] for r in found} | {r["child"]: r["blocks"] for r in found}
        facts = dict(zip(packed, await self._reading.facts(who.body.id, list(packed.values())), strict=True))
        best: dict[UUID, tuple[Likeness, Summary]] = {}
        classes: set[str] = set()
        for row in found:
            filed, shown = facts[row["child"]]
            own, _ = facts[row["own"]]
            like = max(
                likeness(asked, described(filed, row["region"])),
                likeness(asked, described(own, row["own_region"])),
            )
            if (
                "erased.name" not in filed
                and like.score >= FLOOR
                and (row["child"] not in best or like > best[row["child"]][0])
            ):
                best[row["child"]] = like, summary(row, filed)
                classes |= shown
        ranked = sorted(best.values(), key=lambda told: (-told[0].score, told[1].child))[:MOST]
        await self._reading.record(who, "candidates", [child.child for _, child in ranked], classes)
        zh, en = _SOME if ranked else _NOBODY
        return Candidates(zh=zh, en=en, candidates=[_candidate(like, child) for like, child in ranked])


def _candidate(like: Likeness, child: Summary) -> Candidate:
    reasons = [Reason(code=code, zh=REASONS[code][0], en=REASONS[code][1]) for code in like.reasons]
    return Candidate(child=child, score=like.score, reasons=reasons)
