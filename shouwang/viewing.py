"""Versions of the views at the command line: list, build, compare, switch, drop."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.agency.versions import Versions


class Deed(StrEnum):
    """What can be done with versions of the views."""

    LIST = "list"
    BUILD = "build"
    COMPARE = "compare"
    SWITCH = "switch"
    DROP = "drop"


def versions_in(folder: Path) -> "Versions":
    """Return the versions of the platform in a data folder. Raises NotRunning where its database isn't up."""
    from infra.databases import grants, urls
    from infra.postgres import Postgres
    from services.agency.versions import Versions
    from shouwang.embedded import secrets_of
    from shouwang.running import NotRunning

    postgres = Postgres(folder / "postgres")
    if not postgres.running:
        raise NotRunning
    roles = urls("agency", postgres.url, secrets_of(folder)["database"])
    return Versions(roles["owner"], roles["projector"], grants("agency"))


async def do(versions: "Versions", deed: Deed, n: int, *, accept_differences: bool) -> dict[str, Any]:
    """Do it and return what came of it, for programs."""
    match deed:
        case Deed.LIST:
            return {"versions": [v._asdict() for v in await versions.standing()]}
        case Deed.BUILD:
            return {"version": await versions.build()}
        case Deed.COMPARE:
            return (await versions.compare(n)).told()
        case Deed.SWITCH:
            compared = await versions.switch(n, accept_differences=accept_differences)
            return {"version": n, "compared": compared and compared.told()}
        case Deed.DROP:
            await versions.drop(n)
            return {"version": n}


def as_text(deed: Deed, told: dict[str, Any]) -> list[str]:
    """Say it to a person, in lines."""
    match deed:
        case Deed.LIST:
            return [_version(v) for v in told["versions"]]
        case Deed.BUILD:
            n = told["version"]
            return [
                f"版本 {n} 已在旁开始建立,用 list 查看进度 · Version {n} is being built beside; list shows how far it is"
            ]
        case Deed.COMPARE:
            return compared_text(told)
        case Deed.SWITCH:
            n = told["version"]
            return [
                *compared_text(told["compared"] or {}),
                f"现由版本 {n} 应答,旧版本仍在,可切回 · Version {n} answers now; the old one stays: switch back at any time",
            ]
        case Deed.DROP:
            return [f"版本 {told['version']} 已删除 · Version {told['version']} is dropped"]


def _version(v: dict[str, Any]) -> str:
    state = "应答中 answers" if v["active"] else {"building": "在建 building"}.get(v["state"], "备用 kept")
    fold = "现行 current" if v["current"] else "旧程序 older code"
    return (
        f"{v['n']:3}  {state:12}  至 place {v['place']}  落后分区 partitions behind {v['behind']}"
        f"  搁置 parked {v['parked']}  {v['fold']} ({fold})  {v['created'][:19]}"
    )


def compared_text(told: dict[str, Any]) -> list[str]:
    """Say what a comparison found: rows of each table, and the first difference."""
    if not told:
        return []
    lines = [
        f"{table:6} {ours} / {theirs} 行 rows, 不同 differing {told['differing'][table]}"
        for table, (ours, theirs) in told["rows"].items()
    ]
    if (first := told["first"]) is None:
        return [*lines, "两个版本一致 · The two versions are equal"]
    where = ", ".join(f"{k} {v}" for k, v in first["key"].items())
    what = (
        f"仅在版本 {first['only_in']} 中 only in version {first['only_in']}"
        if first["only_in"] else "不同的列 columns that differ: " + ", ".join(first["columns"])
    )  # fmt: skip
    return [*lines, f"首个不同 · The first difference: {first['table']} ({where}): {what}"]
