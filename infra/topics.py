"""Topics: made once, kept for ever, with the number of partitions they were born with."""

import asyncio
from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from infra.errors import TopicDiffers, TopicFailed

KEPT_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
POLL = 0.05


async def create_topics(bootstrap: str, topics: Mapping[str, int], *, patience: float = 30.0) -> None:
    """Make the topics that don't exist and wait until each partition of all of them has a leader.

    Args:
        bootstrap: host:port of the broker.
        topics: name and number of partitions.
        patience: seconds to wait for the leaders.

    Raises:
        TopicDiffers: one exists with another number of partitions.
        TopicFailed: the broker refused, or leaders did not appear in time.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await _make(admin, topics)
        async with asyncio.timeout(patience):
            while not await _all_led(admin, topics):
                await asyncio.sleep(POLL)
    except TimeoutError as error:
        raise TopicFailed(", ".join(topics)) from error
    finally:
        await admin.close()


async def _make(admin: AIOKafkaAdminClient, topics: Mapping[str, int]) -> None:
    new = [
        NewTopic(name=name, num_partitions=count, replication_factor=1, topic_configs=KEPT_FOR_EVER)
        for name, count in topics.items()
    ]
    answer = await admin.create_topics(new)
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicFailed(f"{name}: {error.__name__}")


async def _all_led(admin: AIOKafkaAdminClient, topics: Mapping[str, int]) -> bool:
    led = True
    for topic in await admin.describe_topics(list(topics)):
        partitions = topic["partitions"]
        if topic["error_code"] or not partitions:
            led = False
        elif len(partitions) != topics[topic["topic"]]:
            raise TopicDiffers(f"{topic['topic']}: {len(partitions)}, not {topics[topic['topic']]}")
        else:
            led &= all(not part["error_code"] and part["leader"] >= 0 for part in partitions)
    return led
