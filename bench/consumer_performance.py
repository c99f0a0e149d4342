"""Kafka's own ConsumerPerformance: the ceiling of reading a topic. Its jar is fetched once and compared with our checksum."""

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path

from infra.folders import cache_folder, make_parents
from infra.jars import VERSION, java, kafka_jars

NAME = "Kafka's ConsumerPerformance"
_JAR = f"kafka-tools-{VERSION}.jar"
_SHA256 = "6b88f3f0799c585b5121d9f710e448cd365d4cfd55ff3ab5d2d81f52ae59030d"
_ENDPOINT = f"org.apache.kafka:kafka-tools:{VERSION}"


class Absent(Exception):  # noqa: N818
    """The jar can't be had here."""


def tools_jar() -> Path:
    """Return the jar. Raises Absent where it can't be fetched, or is another."""
    jar = cache_folder(f"kafka-tools-{VERSION}") / _JAR
    if not jar.is_file():
        _fetch(jar)
    if hashlib.sha256(jar.read_bytes()).hexdigest() != _SHA256:
        raise Absent(f"{jar} is not the jar that we know")
    return jar


def _fetch(jar: Path) -> None:
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext

    make_parents(jar.parent)
    jar.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jar.parent) as fresh:
        place = Path(fresh)
        context = MavenContext(
            repo_cache=place / "repository", remote_repos={"central": MAVEN_CENTRAL_URL}, timeout=30
        )
        try:
            EnvironmentBuilder(
                context=context, cache_dir=place / "environment", link_strategy=LinkStrategy.HARD
            ).from_endpoint(endpoint=_ENDPOINT)
            next((place / "repository").rglob(_JAR)).replace(jar)
        except Exception as error:  # jgo lets through whatever its parts raise
            raise Absent(type(error).__name__) from error


async def read(bootstrap: str, topic: str, count: int) -> float:
    """Let it read so many records from the start; returns its records/s of fetching, without joining the group."""
    jars = [await asyncio.to_thread(tools_jar), *await asyncio.to_thread(kafka_jars)]
    process = await asyncio.create_subprocess_exec(
        java(), "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", os.pathsep.join(map(str, jars)),
        "org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", bootstrap, "--topic", topic,
        "--messages", str(count), "--timeout", "20000", "--hide-header",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(said.decode()[-300:])
    return float(out.decode().strip().splitlines()[-1].split(",")[-1])
