"""Questions put together: few are asked, everybody gets an answer that is younger than the question."""

import asyncio

import pytest

from services.kernel.together import Together


class Oracle:
    """Answers when it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.may = asyncio.Semaphore(0)
        self.fails = False

    async def ask(self, wanted: set[int]) -> dict[int, int]:
        self.asked.append(set(wanted))
        await self.may.acquire()
        if self.fails:
            raise ValueError
        return {n: n * len(self.asked) for n in wanted}


async def test_whoever_asks_while_an_answer_is_under_way_is_answered_by_the_next_question() -> None:
    oracle = Oracle()
    together = Together(oracle.ask)
    first = asyncio.create_task(together([1]))
    while not oracle.asked:
        await asyncio.sleep(0)
    others = [asyncio.create_task(together([1, n])) for n in range(2, 17)]
    oracle.may.release()
    assert await first == {1: 1}
    oracle.may.release()
    answers = await asyncio.gather(*others)
    assert oracle.asked == [{1}, set(range(1, 17))]
    assert {answer[1] for answer in answers} == {2}, "an answer from before the question would be 1"


async def test_an_error_reaches_all_who_asked_together_and_the_next_question_is_put() -> None:
    oracle = Oracle()
    together = Together(oracle.ask)
    oracle.fails = True
    failing = [asyncio.create_task(together([n])) for n in range(3)]
    oracle.may.release()
    assert [type(e) for e in await asyncio.gather(*failing, return_exceptions=True)] == [ValueError] * 3
    oracle.fails = False
    oracle.may.release()
    assert await together([5]) == {5: 10}


async def test_who_is_cancelled_takes_nobody_along() -> None:
    oracle = Oracle()
    together = Together(oracle.ask)
    gone, stays = asyncio.create_task(together([1])), asyncio.create_task(together([2]))
    while not oracle.asked:
        await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    oracle.may.release()
    assert await stays == {1: 1, 2: 2}
