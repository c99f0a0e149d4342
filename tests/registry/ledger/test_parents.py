"""A father's line and a mother's without a word of which is which."""

import pytest

from services.registry.ledger.parents import Told, tell_parents
from tests.registry.ledger.making import CHILD_ROW, FATHER, HEADER, children, number, read, workbook

MOTHER = number("19820101", 112)
BY_ORDER, UNCLEAR = Told(["父亲", "母亲"], ["parents-by-order"]), Told([None, None])


@pytest.mark.req("REG-06")
@pytest.mark.parametrize(
    ("people", "told"),
    [
        ([("李四", MOTHER), ("张大", FATHER)], Told(["母亲", "父亲"])),
        ([("李四", None), ("张大", FATHER)], Told(["母亲", "父亲"])),
        ([("张大", None), ("李四", None)], BY_ORDER),
        ([("李四", None), ("张大", None)], UNCLEAR),
        ([("张大", None), ("张花", None)], UNCLEAR),
        ([("李大", None), ("王花", None)], UNCLEAR),
        ([("张大", FATHER), ("李四", number("19820101", 113))], UNCLEAR),
        ([("张大", None)], Told([None])),
        ([("李四", MOTHER)], Told(["母亲"])),
    ],
)
def test_parents_are_told_apart_by_their_numbers_else_by_order_and_surname(
    people: list[tuple[str, str | None]], told: Told
) -> None:
    assert tell_parents("张三", people) == told


def test_lines_of_relatives_whom_nothing_names_are_left_out_and_said() -> None:
    rows = [[*HEADER, "家长姓名", "身份证号"], [*CHILD_ROW, "张大", FATHER], [*[None] * 5, "李四", MOTHER]]
    (row,) = children(read(workbook({"a": rows})))
    assert (row.outcome, row.warnings) == ("accepted", ("member-unclear",))
    assert not [label for label in row.record or {} if "." in label]


def test_a_child_without_a_name_is_no_parents_line() -> None:
    rows = [
        [*HEADER, "父母姓名", "身份证号"], [*CHILD_ROW, "张大", FATHER], [*[None] * 5, "李四", MOTHER],
        ["2", None, "女", "2011-03-05", None, "王大", None],
    ]  # fmt: skip
    assert [row.reasons for row in children(read(workbook({"a": rows})))] == [(), ("name-missing",)]
