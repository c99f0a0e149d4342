"""A cursor is good for the body and the question that it was made for, and for nothing else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.doors.cursors import BadCursor, Cursors

ONE, OTHER = UUID(int=1), UUID(int=2)
cursors = Cursors("a secret")


@given(
    st.text(max_size=40), st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.none(), max_size=3)
)
def test_what_was_made_is_read_again_and_by_no_other_body_question_or_installation(
    place: str, question: dict[str, str | None]
) -> None:
    made = cursors.make(ONE, question, place)
    assert made is not None
    assert cursors.read(ONE, question, made) == place
    for body, asked, by in (
        (OTHER, question, cursors), (ONE, {**question, "more": "x"}, cursors), (ONE, question, Cursors("another")),
    ):  # fmt: skip
        with pytest.raises(BadCursor):
            by.read(body, asked, made)


@given(st.integers(0, 40), st.integers(1, 63))
def test_a_cursor_of_which_anything_is_changed_is_refused(at: int, by: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    made = cursors.make(ONE, [], "0192f3c4-5d6e-7000-8000-000000000001") or ""
    other = letters[(letters.index(made[at]) + by) % 64]
    with pytest.raises(BadCursor):
        cursors.read(ONE, [], made[:at] + other + made[at + 1 :])


@pytest.mark.parametrize("cursor", ["", "x", "é", "====", "0192f3c4-5d6e-7000-8000-000000000001", "A" * 200])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        cursors.read(ONE, [], cursor)


def test_the_first_page_needs_none_and_the_last_gives_none() -> None:
    assert cursors.read(ONE, [], None) is None
    assert cursors.make(ONE, [], None) is None
