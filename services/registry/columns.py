"""How an office chose to have its own columns understood: said once, remembered for its next file."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.database import Database
from services.kernel.errors import Refusal
from services.kernel.people.auth import Principal
from services.kernel.people.authority import check
from services.kernel.world import World
from services.registry.ledger.data import bare
from services.registry.ledger.labels import kinds


class UnknownField(Refusal):
    """登记表没有这个栏目,请从 facts.known 中选择。 · The form has no such label: choose one of facts.known."""


class Choice(BaseModel):
    """One column of an office's own workbooks, and what it means."""

    model_config = ConfigDict(extra="forbid")

    label: Annotated[
        str,
        Field(
            description="本单位表中的栏目名称,多级以空格相连 · The office's label, several levels joined by a blank",
            examples=["娃娃的大名"], min_length=1, max_length=200,
        ),
    ]  # fmt: skip
    field: Annotated[
        str | None,
        Field(description="登记表的栏目,空为不读取 · The form's label; empty: not read", examples=["姓名"]),
    ]


class Columns:
    """An office's choices. They are no facts of a case, so no events: a row each, with who chose and when."""

    def __init__(self, database: Database, world: World) -> None:
        """Keep them in this database."""
        self._database = database
        self._world = world

    async def choose(self, who: Principal, choices: list[Choice]) -> list[Choice]:
        """Remember these beside the earlier ones; returns all. Raises NotAllowed, UnknownField."""
        check("import-ledger", who, region=who.body.region)
        for choice in choices:
            if choice.field is not None and choice.field not in kinds():
                raise UnknownField(field=choice.field, known=sorted(kinds()))
        async with self._database.transaction() as rows:
            await rows.executemany(
                "insert into column_choice (body, label, field, chosen_by, chosen_at) values ($1, $2, $3, $4, $5)"
                " on conflict (body, label) do update set field = excluded.field, chosen_by = excluded.chosen_by,"
                " chosen_at = excluded.chosen_at",
                [(who.body.id, c.label, c.field, who.post, self._world.now()) for c in choices],
            )
        return await self.chosen(who)

    async def chosen(self, who: Principal) -> list[Choice]:
        """Return the office's choices. Raises NotAllowed."""
        check("import-ledger", who, region=who.body.region)
        rows = await self._database.fetch(
            "select label, field from column_choice where body = $1 order by label", who.body.id
        )
        return [Choice(label=row["label"], field=row["field"]) for row in rows]

    async def read_by(self, who: Principal) -> Mapping[str, str | None]:
        """Return the choices as the reader wants them."""
        return {bare(choice.label): choice.field for choice in await self.chosen(who)}
