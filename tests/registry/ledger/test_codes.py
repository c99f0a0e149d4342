"""Every code that the reader may give is documented, and every documented code may be given."""

import re
from pathlib import Path

import pytest

from services.registry.ledger import codes, reader
from services.registry.ledger.codes import explain, get_codes
from services.registry.ledger.data import load

FOLDER = Path(reader.__file__).parent
QUOTED = re.compile(r'[":]([a-z]+(?:-[a-z0-9]+)+)"')
NO_CODES = {"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "mime-version", "yyyy-mm-dd"}


def given(sources: list[str]) -> set[str]:
    quoted = {code for source in sources for code in QUOTED.findall(source)} - NO_CODES
    return quoted | set(load("marks")["rows"])


def sources() -> list[str]:
    return [path.read_text("utf-8") for path in FOLDER.rglob("*.py")]


def test_the_codes_given_and_the_codes_documented_are_the_same() -> None:
    assert given(sources()) == set(get_codes())


def test_a_code_without_a_document_is_noticed() -> None:
    assert given([*sources(), 'Read(problem="quite-new")']) != set(get_codes())


@pytest.mark.parametrize("code", list(get_codes()))
def test_every_code_is_said_in_both_languages(code: str) -> None:
    about = get_codes()[code]
    assert about.zh
    assert about.en
    assert re.search("[一-鿿]", about.zh)
    assert about.kinds == ("ignored",) or (about.todo_zh and about.todo_en)
    assert set(about.kinds) <= {"file", "row", "warning", "ignored", "column"}
    assert explain(f"父亲.联系电话:{code}", "zh").startswith(f"父亲.联系电话: {about.zh}")


def test_the_documents_live_beside_the_reader() -> None:
    assert (Path(codes.__file__).parent / "codes.yaml").exists()
