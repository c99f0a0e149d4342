"""The story goes on: a duty is missed, a child is placed, moves, a fact was wrong, a person must be forgotten."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from services.audit.note import read_note
from services.kernel.bus.embedded import EmbeddedBus
from shouwang.viewing import compared_text

if TYPE_CHECKING:
    from shouwang.embedded import Embedded
    from shouwang.story import Story

WRONG_NUMBER, RIGHT_NUMBER = "99010119550303002X", "990101195503030046"
_NEW_HOME = "990101002001"
_WAIT_SECONDS = 30


class Sequel:
    """Steps 6 to 12, by real calls of the same people; 11 only on the machine that it runs on."""

    def __init__(self, story: "Story") -> None:
        """Go on where `story` ended."""
        self._story = story

    async def tell(self, siblings: list[str]) -> None:
        """Tell all that there is."""
        await self.miss(siblings[0])
        await self.place(siblings[0])
        await self.move(siblings)
        await self.correct(siblings)
        await self.erase(siblings)
        if self._story.machine is not None:
            await self.rebuild(self._story.machine)
        await self.audit(siblings[0])

    async def miss(self, child: str) -> None:
        """6: the township never acknowledges a second notice; the miss rests on a wrong time and is taken back."""
        say, do = self._story.say, self._story.do
        say("\n六、第二份通报无人签收,上级获知逾期;时间更正后撤销 · 6. A second notice is not acknowledged")
        filed = await do(
            "school-a-teacher", "reporting/file-report", region="990101001001",
            children=[{"name": "小禾", "school": "青禾镇中心小学", "school_class": "五年级二班"}],
            grounds=["GUARDIAN_NEGLECT"], found_at="2026-10-20T07:50:00+08:00",
        )  # fmt: skip
        await self._story.platform.settled()
        again = filed["events"][0]["subject"]
        desk = await self._story.person("police-a-desk")
        steps = (await desk.ask(f"agency/children/{again}"))["chronology"]
        report = next(s["open"]["report"] for s in steps if s["event"] == filed["events"][0]["id"])
        await do(
            "police-a-desk",
            "registry/identify-child",
            child=again,
            file=child,
            region="990101001001",
            basis=["HOME_VISIT"],
        )
        done = await do(
            "police-a-desk",
            "reporting/accept-reports",
            reports=[report],
            occurred_at="2026-10-20T09:00:00+08:00",
        )
        if done["repeated"]:
            return
        county = await self._story.person("county-officer")
        tasks = await self._until(
            "county-officer", lambda tasks: any(t["kind"] == "missed-duty" for t in tasks)
        )
        say(
            f"    县政府看到 the county sees: {tasks[0]['zh']} · {tasks[0]['en']}, 到期 due {tasks[0]['due']}"
        )
        notice = next(e["id"] for e in done["events"] if e["type"] == "reporting.police-notice-sent.v1")
        right = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        await do(
            "police-a-desk", "reporting/correct-report-fact", report=report, event=notice, field="time", value=right,
            basis="DUTY_LOG",
        )  # fmt: skip
        await self._until("county-officer", lambda tasks: not tasks)
        page = await county.ask(f"agency/children/{again}")
        say("    更正后 after the correction: " + ", ".join(s["zh"] for s in page["chronology"]))

    async def place(self, child: str) -> None:
        """7: civil affairs place a child with the institution, which is shown the permitted history."""
        say = self._story.say
        say(
            "\n七、民政部门安置一名儿童,福利院获知可知的经过 · 7. Civil affairs place one child with the institution"
        )
        bodies = self._story.bodies("institution", "station-a")
        await self._story.do(
            "civil-affairs-officer", "assessment/make-placement", child=child, kind="PROTECTIVE",
            receiver=bodies["institution"], requested_by=bodies["station-a"], request="GA-2026-118", starts="2026-10-21",
            grounds=["UNATTENDED"],
        )  # fmt: skip
        await self._story.platform.settled()
        page = await (await self._story.person("institution-officer")).ask(f"agency/children/{child}")
        say("    福利院看到 the institution sees: " + ", ".join(s["zh"] for s in page["chronology"]))

    async def move(self, children: list[str]) -> None:
        """8: both siblings move to township B, which accepts; A keeps its own acts and nothing else."""
        story = self._story
        story.say("\n八、两名儿童迁往云岭乡 · 8. Both siblings move to township B")
        await story.do(
            "township-a-clerk", "registry/propose-transfer", children=children, new_region=_NEW_HOME
        )
        await story.platform.settled()
        clerk = await story.person("township-b-clerk")
        for task in (await clerk.ask("agency/worklist"))["tasks"]:
            if task["kind"] == "answer-transfer":
                await story.do(
                    "township-b-clerk", "registry/accept-transfer", child=task["child"], transfer=task["ref"]
                )
        await story.platform.settled()
        tasks = (await clerk.ask("agency/worklist"))["tasks"]
        story.say("    云岭乡的待办 what B has to do: " + ", ".join(sorted(f"{t['zh']}" for t in tasks)))
        for key in ("township-a-clerk", "township-b-clerk"):
            page = await (await story.person(key)).ask(f"agency/children/{children[0]}")
            story.say(
                f"    {key}: {len(page['chronology'])} 件 events, 角色 roles {', '.join(page['roles']) or '无 none'}"
            )

    async def correct(self, children: list[str]) -> None:
        """9: the grandmother's ID number was wrong; whoever was told is told, A without the new value."""
        story = self._story
        story.say("\n九、祖母身份号码有误,逐一更正 · 9. The grandmother's ID number was wrong")
        clerk = await story.person("township-b-clerk")
        for child in children:
            event = await self._delegation(child)
            await story.do(
                "township-b-clerk", "registry/correct-fact", child=child, event=event, field="id_number",
                value=RIGHT_NUMBER, basis="ID_CARD_SEEN",
            )  # fmt: skip
        await story.platform.settled()
        for key in ("township-b-clerk", "police-b-desk", "police-a-desk", "township-a-clerk"):
            page = await (await story.person(key)).ask(f"agency/children/{children[0]}")
            told = [s["corrected"] for s in page["chronology"] if s["corrected"]]
            story.say(f"    {key}: {told}")
        tasks = (await clerk.ask("agency/worklist"))["tasks"]
        story.say(f"    待复核 to review: {sum(t['kind'] == 'review-decision' for t in tasks)}")

    async def erase(self, children: list[str]) -> None:
        """10: the grandmother is erased: everywhere at once, and the record of who was told stays."""
        story = self._story
        story.say("\n十、依法删除祖母的个人信息 · 10. The grandmother is erased")
        clerk = await story.person("township-b-clerk")
        page = await clerk.ask(f"agency/children/{children[0]}")
        (person,) = {s["open"]["guardian"] for s in page["chronology"] if "guardian" in s["open"]}
        await story.do(
            "civil-affairs-officer",
            "registry/erase-subject",
            person=person,
            children=children,
            basis="PIPL_47",
        )
        await story.platform.settled()
        page = await clerk.ask(f"agency/children/{children[0]}")
        gone = [b for s in page["chronology"] for b in s["shown"] if b["subject"] == person]
        story.say(
            f"    {len(gone)} 块内容,可读 {sum(b['fields'] is not None for b in gone)} · blocks, readable"
        )

    async def rebuild(self, machine: "Embedded") -> None:
        """11: the bus loses everything and is refilled; a second version of the views is built beside and answers."""
        say, platform, versions, bus = self._story.say, self._story.platform, machine.versions, machine.bus
        say(
            "\n十一、总线清空后重灌;视图在旁重建,比较后切换 · 11. The bus is wiped and refilled; the views are rebuilt beside"
        )
        if await platform.versions_folded() != {1} or not isinstance(bus, EmbeddedBus):
            say("    (已讲过 told before)")
            return
        sent, records = await self._sent(), bus.size()
        await bus.wipe()
        n = await versions.build()
        async with asyncio.timeout(_WAIT_SECONDS):
            while bus.size() < records or n not in await platform.versions_folded():
                await asyncio.sleep(0.1)
        await platform.settled()
        say(f"    总线 the bus: {records} 条 records, 重灌 refilled {bus.size()}")
        compared = await versions.compare(n)
        for line in compared_text(compared.told()):
            say(f"    {line}")
        if compared.first is None:
            await versions.switch(n)
            say(f"    现由版本 {n} 应答 · version {n} answers now")
        again = await self._sent()
        say("    重复发送 sent again: " + ", ".join(f"{name} {again[name] - sent[name]}" for name in sent))

    async def _sent(self) -> dict[str, int]:
        """Return how many events each service has written, and how many rows the feed has."""
        places = await self._story.platform.settled()
        feed = max(map(int, places["notification"]["feed_heads"].values()))
        return {name: told["head"] for name, told in places.items() if "head" in told} | {"feed": feed}

    async def audit(self, child: str) -> None:
        """12: the procurator asks what each had been told, had acknowledged and had read; each item is proved."""
        story = self._story
        story.say("\n十二、检察官问:谁在何时知道什么 · 12. The procurator asks who knew what, when")
        auditor = await story.person("procurator")
        until = datetime.now(UTC).isoformat()
        for name, body in story.bodies("township-a", "township-b", "station-a").items():
            known = await auditor.ask("audit/known", body=body, child=child, until=until)
            proved = sum(None not in (item["proof"], item["telling_proof"]) for item in known["told"])
            story.say(
                f"    {name}: 被告知 told {len(known['told'])} (有证明 proved {proved}), "
                f"已签收 acknowledged {len(known['acknowledged'])}, 已查阅 read {len(known['read'])}"
            )
        signed = await auditor.ask("audit/checkpoint")
        logs = read_note(signed["note"], signed["key"]).logs.values()
        story.say("    签名检查点 signed checkpoint: " + ", ".join(f"{x.store} {x.size}" for x in logs))

    async def _delegation(self, child: str) -> str:
        clerk = await self._story.person("township-b-clerk")
        page = await clerk.ask(f"agency/children/{child}")
        (event,) = [
            s["event"] for s in page["chronology"] if s["type"] == "registry.guardianship-delegated.v1"
        ]
        return str(event)

    async def _until(self, who: str, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Ask for a worklist until something holds of it; the clock decides when. Raises TimeoutError."""
        person = await self._story.person(who)
        async with asyncio.timeout(_WAIT_SECONDS):
            while not holds(tasks := (await person.ask("agency/worklist"))["tasks"]):
                await asyncio.sleep(0.1)
        return list(tasks)
