"""Our own Apache Kafka: real, on loopback, and nothing in it is precious."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil  # psutil ships no types
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra import jars
from infra.errors import (
    FolderInUse,
    FolderNotOurs,
    JarsAltered,
    JarsUnavailable,
    NoJava,
    PortTaken,
    TopicDiffers,
)
from infra.jars import java, kafka_jars
from infra.kafka import Kafka, create_topics
from infra.ports import is_handed_out

from .conftest import Child, said

TOPICS = {"shouwang.registry.v1": 24, "shouwang.reference.v1": 1}
HOLD = """
broker = Kafka(Path(sys.argv[2]), jars=Path(sys.argv[3]))
broker.start()
print(broker.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def broker(shared_folder: Path) -> Iterator[Kafka]:
    """One for the module: each test leaves it running."""
    with Kafka(shared_folder / "kafka") as started:
        yield started


async def produce(broker: Kafka, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait("shouwang.reference.v1", value, partition=0)
    finally:
        await producer.stop()


async def read(broker: Kafka) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition("shouwang.reference.v1", 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        return [(await consumer.getone()).value for _ in range(end)]
    finally:
        await consumer.stop()


async def test_topics_are_made_once_and_keep_their_partitions(broker: Kafka) -> None:
    for _ in range(2):
        await create_topics(broker.bootstrap, TOPICS)
    with pytest.raises(TopicDiffers, match="24, not 12"):
        await create_topics(broker.bootstrap, {"shouwang.registry.v1": 12})
    await produce(broker, b"right after, without a retry")
    assert await read(broker) == [b"right after, without a retry"]


async def test_wiping_empties_it_and_keeps_the_port(broker: Kafka) -> None:
    await create_topics(broker.bootstrap, TOPICS)
    await produce(broker, b"soon forgotten")
    before = broker.bootstrap
    broker.wipe()
    assert broker.bootstrap == before
    await create_topics(broker.bootstrap, TOPICS)
    assert await read(broker) == []


async def test_records_survive_stop_and_kill_9(broker: Kafka) -> None:
    await create_topics(broker.bootstrap, TOPICS)
    already = await read(broker)
    before = broker.bootstrap
    await produce(broker, b"one")
    broker.stop()
    assert not broker.running
    broker.start()
    await produce(broker, b"two")
    broker.kill()
    assert not broker.running
    broker.start()
    await create_topics(broker.bootstrap, TOPICS)
    assert await read(broker) == [*already, b"one", b"two"]
    assert broker.bootstrap == before


@pytest.mark.req("PLT-05")
def test_it_comes_back_where_its_clients_look_for_it_or_says_that_it_cannot(broker: Kafka) -> None:
    before = broker.bootstrap
    broker.kill()
    with socket.create_server(("127.0.0.1", int(before.partition(":")[2]))), pytest.raises(PortTaken):
        broker.start()
    broker.start()
    assert broker.bootstrap == before


def test_a_port_of_an_older_installation_that_outgoing_connections_may_get_is_given_up(folder: Path) -> None:
    handed_out = next(port for port in range(60_000, 65_000) if is_handed_out(port))
    (folder / "kafka").mkdir(mode=0o700)
    (folder / "kafka" / "server.properties").touch()
    (folder / "kafka" / "ports.json").write_text(
        f'{{"broker": {handed_out}, "controller": {handed_out + 1}}}'
    )
    with Kafka(folder / "kafka") as broker:
        assert not is_handed_out(int(broker.bootstrap.partition(":")[2]))


def test_it_listens_on_loopback_only(broker: Kafka) -> None:
    links = psutil.Process(broker.pid).net_connections()
    assert {link.laddr.ip.removeprefix("::ffff:") for link in links if link.status == "LISTEN"} == {
        "127.0.0.1"
    }


def test_ctrl_c_in_our_terminal_does_not_reach_it(broker: Kafka) -> None:
    assert broker.pid is not None
    assert os.getsid(broker.pid) != os.getsid(0)


def test_a_folder_that_a_living_process_holds_is_refused(broker: Kafka) -> None:
    with pytest.raises(FolderInUse):
        Kafka(broker.folder).start()
    assert broker.running


def test_an_ordinary_user_runs_it_and_what_a_killed_parent_left_is_replaced(
    folder: Path, child: Child
) -> None:
    own = folder / "own"
    own.mkdir()
    os.chown(own, 65534 if os.geteuid() == 0 else -1, -1)
    parent = child(HOLD, own / "kafka", kafka_jars()[0].parent, ordinary=True)
    left = int(said(parent))
    parent.kill()
    parent.wait()
    assert psutil.pid_exists(left)
    with Kafka(own / "kafka") as broker:
        assert broker.pid not in {left, None}


def test_a_taken_port_has_a_name(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"端口被占用.*The port is taken.*{port}"):
            Kafka(folder / "kafka", port).start()


def test_a_folder_with_something_else_in_it_stays_untouched(folder: Path) -> None:
    (folder / "letters.txt").write_text("mine")
    with pytest.raises(FolderNotOurs):
        Kafka(folder).start()
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]


def test_an_altered_jar_stops_the_start(folder: Path) -> None:
    for jar in kafka_jars():
        shutil.copy(jar, folder / jar.name)
    assert len(kafka_jars(folder)) == len(list(folder.iterdir()))
    with (folder / "kafka-raft-4.2.0.jar").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(JarsAltered, match=r"kafka-raft-4\.2\.0\.jar"):
        kafka_jars(folder)


def test_without_a_network_the_jars_are_missed_by_name(folder: Path) -> None:
    with pytest.raises(JarsUnavailable, match=r"无法取得.*can't be had"):
        kafka_jars(folder / "jars", mirror="http://127.0.0.1:1")


def test_without_a_java_new_enough_the_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "OLDEST_JAVA", 999)
    java.cache_clear()
    with pytest.raises(NoJava, match=r"Java 17"):
        java()
    monkeypatch.undo()
    java.cache_clear()
    assert java().name == "java"
