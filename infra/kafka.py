"""Our own launcher of Apache Kafka: one real broker (KRaft) in a folder of ours, on loopback only."""

import base64
import json
import os
import shutil
import signal
import socket
import struct
import uuid
from pathlib import Path
from typing import Self

from infra.errors import PortTaken, StartFailed, explain, named
from infra.folders import Hold, default_folder, make_parents, mark_of, open_log, open_own, refuse_foreign
from infra.jars import java, kafka_jars
from infra.ports import HOST, free_port, is_free, is_handed_out
from infra.processes import Account, AtExit, Family, Steps, run, wait_until
from infra.topics import create_topics

__all__ = ["Kafka", "create_topics", "default_folder"]

PATIENCE = 120.0
KILL: Steps = ((signal.SIGKILL, 10.0),)
IN_ORDER: Steps = ((signal.SIGTERM, 30.0),)
ENV = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
OURS = {"lock", "ports.json", "server.properties", "formatted", "data", "server.log", "server.old"}
# After a kill -9 the controller refuses the new broker until the session of the dead one is over: 3 s, not 9
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=BROKER://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=BROKER://{host}:{broker},CONTROLLER://{host}:{controller}
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers={host}:{controller}
log.dirs=data
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
log.retention.ms=-1
log.retention.bytes=-1
log.cleaner.dedupe.buffer.size=16777216
default.replication.factor=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=8
"""


class Kafka:
    """One Kafka broker in a folder of ours. A broker that a dead process of ours left behind is replaced."""

    def __init__(
        self, folder: Path, port: int = 0, *, jars: Path | None = None, mirror: str | None = None
    ) -> None:
        """With port 0 a free one is chosen, and kept once it has started: clients were told.

        `jars` and `mirror` are those of `kafka_jars`.
        """
        self.folder = folder.absolute()
        self._port = port
        self._jars = jars
        self._mirror = mirror
        self._mark = mark_of(self.folder)
        self._hold = Hold(self.folder)
        self._family = Family("java", f"-Dshouwang.kafka={self._mark}")
        self._at_exit = AtExit(self.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """host:port for clients; known once it has started."""
        return f"{HOST}:{self._read_ports()['broker']}"

    @property
    def pid(self) -> int | None:
        return next((process.pid for process in self._family.members()), None)

    @property
    def running(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Format new storage, start, and wait until the broker answers; nothing to do when it runs.

        Raises:
            NoJava, JarsUnavailable, JarsAltered, PortTaken, FolderInUse, FolderNotOurs, FolderUnwritable,
            DiskFull, StartFailed
        """
        if self._hold.held and self._family.child_runs:
            return
        jars = kafka_jars(self._jars, self._mirror)
        command: list[str | Path] = [java(), "-XX:-UsePerfData", "-cp", os.pathsep.join(map(str, jars))]
        with named(self.folder):
            refuse_foreign(self.folder, OURS, mark="server.properties")
            make_parents(self.folder)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._hold.take()
        try:
            self._end(IN_ORDER)
            with named(self.folder):
                self._write_properties()
                if not (self.folder / "formatted").exists():
                    self._format(command)
                self._launch(command)
            self._port = self._read_ports()["broker"]
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop whatever serves this folder, in order."""
        self._end(IN_ORDER)
        self._let_go()

    def kill(self) -> None:
        """Kill -9 and wait until it is gone."""
        self._end(KILL)
        self._let_go()

    def wipe(self) -> None:
        """Stop, forget every topic, record and offset, and start anew on the same ports."""
        self.kill()
        with named(self.folder):
            (self.folder / "formatted").unlink(missing_ok=True)
        self.start()

    def _write_properties(self) -> None:
        if self._port and not is_free(self._port):
            raise PortTaken(self._port)
        remembered = self._read_ports()
        broker = self._port or _keep_or_choose(remembered.get("broker"))
        controller = _keep_or_choose(remembered.get("controller"), but=broker)
        ports = {"broker": broker, "controller": controller}
        _write(self.folder / "ports.json", json.dumps(ports))
        _write(self.folder / "server.properties", PROPERTIES.format(host=HOST, **ports))

    def _read_ports(self) -> dict[str, int]:
        try:
            ports: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return ports

    def _format(self, java_command: list[str | Path]) -> None:
        """A storage half formatted is formatted again: the mark is set last."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        words = [
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            "-t",
            cluster,
            "-c",
            "server.properties",
        ]
        code, said = run([*java_command, *words], cwd=self.folder, env=ENV, account=Account())
        if code:
            raise explain(said, self.folder)
        _write(self.folder / "formatted", cluster)

    def _launch(self, java_command: list[str | Path]) -> None:
        flags = [
            *("-Xmx512m", "-XX:+ExitOnOutOfMemoryError", f"-Dshouwang.kafka={self._mark}"),
            *("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"),
        ]
        command = [*java_command[:1], *flags, *java_command[1:], "kafka.Kafka", "server.properties"]
        with open_log(self.folder / "server.log") as log:
            before = log.seek(0, os.SEEK_END)
            self._at_exit.arm()
            process = self._family.spawn(command, log=log, cwd=self.folder, env=ENV, account=Account())
            if not wait_until(lambda: self._answers() or process.poll() is not None, PATIENCE):
                raise StartFailed(self.folder)
            if process.poll() is not None:
                log.seek(before)
                raise explain(log.read().decode(errors="replace"), self.bootstrap)

    def _answers(self) -> bool:
        """Whether the broker names a broker (itself) in its metadata: then it takes topics and records."""
        try:
            with socket.create_connection((HOST, self._read_ports()["broker"]), timeout=5) as link:
                link.sendall(METADATA_REQUEST)
                answer = link.recv(12, socket.MSG_WAITALL)
        except OSError:
            return False
        return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0

    def _end(self, steps: Steps) -> None:
        self._family.end(self.pid, steps)

    def _let_go(self) -> None:
        self._at_exit.disarm()
        self._hold.release()


# Metadata version 1, correlation 1, no client name, no topics. Answer: size, correlation, count of brokers
METADATA_REQUEST = struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0)


def _keep_or_choose(port: int | None, but: int = 0) -> int:
    if port and port != but and is_free(port) and not is_handed_out(port):
        return port
    return free_port({but})


def _write(path: Path, text: str) -> None:
    with open_own(path, flags=os.O_TRUNC) as file:
        file.write(text.encode())
