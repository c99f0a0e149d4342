"""The story of the demo county, told by real calls: who did it, what was appended, who was shown what."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from services.registry.founding import body_id, post_id
from shouwang.client import Person, Platform, Told
from shouwang.demo_ledger import CLOSING_DATE, GRANDMOTHER_NAME, SIBLING_NAMES, demo_workbook
from shouwang.sequel import WRONG_NUMBER, Sequel

if TYPE_CHECKING:
    from shouwang.embedded import Embedded

VILLAGES = [
    ("990101001001", "上塘村"), ("990101001002", "下塘村"), ("990101001003", "柳湾村"), ("990101001004", "石桥村"),
]  # fmt: skip
FILE = "青禾镇留守儿童花名册.xlsx"
SCHOOL = "青禾镇中心小学"
Say = Callable[[str], None]


class Story:
    """Tells the story once; told again on kept data, every command gets its first answer and nothing is added."""

    def __init__(
        self, platform: Platform, say: Say = print, *, rows: int = 300, machine: "Embedded | None" = None
    ) -> None:
        """Tell it to `say`, a line at a time, with a ledger of about `rows` rows.

        With the `machine` that it runs on, what only an operator can do is told too.
        """
        self.platform = platform
        self.machine = machine
        self.say = say
        self._rows = rows
        self._people: dict[str, Person] = {}

    async def tell(self) -> None:
        """Tell all that there is."""
        await Sequel(self).tell(await self.begin())

    async def begin(self) -> list[str]:
        """Tell steps 1 to 5; returns the ids of the siblings' files."""
        await self.platform.settled()
        await self.import_ledger()
        siblings = await self.delegate()
        reported = await self.report()
        await self.identify(reported, siblings)
        await self.accept(reported)
        await self.acknowledge(reported)
        await self.look(siblings)
        return siblings

    async def person(self, key: str) -> Person:
        """Sign in to a post of the demo county, by its key."""
        if key not in self._people:
            self._people[key] = await self.platform.sign_in(post_id(key))
        return self._people[key]

    def bodies(self, *keys: str) -> dict[str, str]:
        """Return ids of bodies of the demo county, by their keys."""
        return {key: str(body_id(key)) for key in keys}

    async def do(self, who: str, path: str, **fields: Any) -> dict[str, Any]:
        """Issue a command under a key that stays the same from telling to telling."""
        key = uuid5(NAMESPACE_URL, f"story:{path}:{msgspec.json.encode(fields, order='sorted').decode()}")
        done = await (await self.person(who)).do(path, str(key), **fields)
        for event in done["events"]:
            self.say(
                f"    + {event['type']}  seq {event['seq']}"
                + ("  (已讲过 told before)" if done["repeated"] else "")
            )
        return done

    async def import_ledger(self) -> None:
        """1: the township imports its ledger, and is told row by row."""
        self.say("\n一、青禾镇民政办事员导入台账 · 1. The clerk of township A imports the ledger")
        book, _ = demo_workbook(74, VILLAGES, self._rows)
        clerk = await self.person("township-a-clerk")
        answer = await clerk.send_file(
            "registry/imports", book, filename=FILE, closing_date=CLOSING_DATE.isoformat(), rural="verified"
        )
        *rows, file = [msgspec.json.decode(line) for line in answer.content.splitlines()]
        self.say(
            f"    {len(rows)} 行 rows: " + ", ".join(f"{k} {v}" for k, v in sorted(file["counts"].items()))
        )
        reasons = Counter(r for row in rows if row["outcome"] == "refused" for r in row["reasons"])
        self.say("    被拒原因 refused for: " + ", ".join(f"{k} {v}" for k, v in reasons.most_common()))
        await self.platform.settled()
        ledger = await clerk.ask("agency/ledger", category="LEFT_BEHIND")
        self.say(
            f"    台账首页认定为留守儿童 left-behind on the ledger's first page: {len(ledger['children'])}"
        )

    async def delegate(self) -> list[str]:
        """2: the siblings' grandmother becomes delegated guardian."""
        self.say("\n二、祖母受委托监护两名儿童 · 2. The grandmother becomes the siblings' delegated guardian")
        county = await self.person("civil-affairs-officer")
        children = []
        for name in SIBLING_NAMES:
            (found,) = [c for c in await county.search(name=name) if c["on_file"]]
            children.append(found["child"])
        await self.do(
            "township-a-clerk", "registry/delegate-guardianship", children=children, starts="2026-09-15",
            instruments=["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"], name=GRANDMOTHER_NAME, relation="祖母",
            id_number=WRONG_NUMBER, phone="13900000074", address="上塘村3组", capable=True, willing=True,
        )  # fmt: skip
        return children

    async def report(self) -> list[dict[str, Any]]:
        """3a: a teacher reports both, knowing only names and class."""
        self.say("\n三、班主任报告两名儿童独自居住 · 3. A teacher reports both children living alone")
        done = await self.do(
            "school-a-teacher", "reporting/file-report", region="990101001001",
            children=[{"name": name, "school": SCHOOL, "school_class": "五年级二班"} for name in SIBLING_NAMES],
            grounds=["LIVING_ALONE"], found_at="2026-10-12T07:50:00+08:00", severity="serious",
            course="家访发现祖母住院,两名儿童独自在家三天", reporter_name="梁老师", reporter_phone="13900000075",
        )  # fmt: skip
        await self.platform.settled()
        police = await self.person("police-a-desk")
        told = []
        for event in done["events"]:
            page = await police.ask(f"agency/children/{event['subject']}")
            step = next(s for s in page["chronology"] if s["event"] == event["id"])
            told.append({"child": event["subject"], "report": step["open"]["report"], "shown": step["shown"]})
            classes = ", ".join(s["data_class"] for s in step["shown"])
            self.say(f"    青禾派出所看到 the station sees: {classes}")
        return told

    async def identify(self, reported: list[dict[str, Any]], files: list[str]) -> None:
        """3b: the police identify them with the children on file."""
        self.say("\n    派出所核实为台账中的儿童 · The police identify them with the children on file")
        for told, file in zip(reported, files, strict=True):
            await self.do(
                "police-a-desk", "registry/identify-child", child=told["child"], file=file, region="990101001001",
                basis=["HOME_VISIT"],
            )  # fmt: skip

    async def accept(self, reported: list[dict[str, Any]]) -> None:
        """4a: the police accept; the township's notice goes out in the same transaction."""
        self.say("\n四、公安机关受理并通报乡镇 · 4. The police accept, and notify the township (F-12)")
        await self.do("police-a-desk", "reporting/accept-reports", reports=[r["report"] for r in reported])
        await self.platform.settled()

    async def acknowledge(self, reported: list[dict[str, Any]]) -> None:
        """4b: one assessment a child stands open; the township acknowledges."""
        clerk = await self.person("township-a-clerk")
        ours = {r["child"] for r in reported}
        tasks = [t for t in (await clerk.ask("agency/worklist"))["tasks"] if t["child"] in ours]
        for task in tasks:
            self.say(f"    待办 to do: {task['zh']} · {task['en']}: {task['name']}")
        for notice in sorted(t["ref"] for t in tasks if t["kind"] == "acknowledge-notice"):
            await self.do("township-a-clerk", "notification/acknowledge-notice", notice=notice)
        await self.platform.settled()

    async def look(self, siblings: list[str]) -> None:
        """5: each body opens the child's page; each sees its own part, and each look is recorded."""
        self.say("\n五、各单位打开儿童档案页 · 5. Each body opens the child's page")
        for key in ("township-a-clerk", "village-a1-director", "police-a-desk", "civil-affairs-officer"):
            who = await self.person(key)
            try:
                page = await who.ask(f"agency/children/{siblings[0]}")
            except Told as told:
                self.say(f"    {key}: {told}")  # told again after the children have moved
                continue
            shown = sorted({s["data_class"] for step in page["chronology"] for s in step["shown"]})
            self.say(f"    {key}: {len(page['chronology'])} 件 events; {', '.join(shown)}")
        clerk = await self.person("township-a-clerk")
        page = await clerk.ask(f"agency/children/{siblings[0]}")
        self.say(
            "    谁看过 · Who has looked: "
            + "; ".join(f"{x['body']}({x['operation']})" for x in page["seen_by"][:4])
        )
        for key in ("school-a-teacher", "school-a-head", "township-b-clerk"):
            worklist = await (await self.person(key)).ask("agency/worklist")
            self.say(f"    {key}: {len(worklist['tasks'])} 项 tasks; 无权知悉 nothing to see")
