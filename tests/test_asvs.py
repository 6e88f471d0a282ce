"""docs/asvs.md has each section of level 2, and the tests that it names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "asvs.md").read_text()
# The last section of each chapter of 4.0.3, and what has nothing for level 2.
LAST = {1: 14, 2: 10, 3: 7, 4: 3, 5: 5, 6: 4, 7: 4, 8: 3, 9: 2, 10: 3, 11: 1, 12: 6, 13: 4, 14: 5}
EMPTY = {"V1.3", "V1.13", "V10.1"}
STATES = {"met", "by design", "n/a", "open"}
ROWS = re.findall(r"^\| (V[\d.]+) \| ([^|]+) \| (.+) \|$", TEXT, re.MULTILINE)


def test_each_section_has_a_row_and_a_state():
    sections = [f"V{chapter}.{number}" for chapter, last in LAST.items() for number in range(1, last + 1)]
    assert list(dict.fromkeys(section for section, _, _ in ROWS)) == [one for one in sections if one not in EMPTY]
    assert {state for _, state, _ in ROWS} == STATES


def test_what_is_met_names_a_test():
    assert [section for section, state, words in ROWS if state == "met" and "tests/" not in words] == []


def test_a_named_test_is_there():
    every = set(re.findall(r"tests/[\w/.:]+\w", TEXT))
    assert len(every) > 50
    for named in every:
        path, _, function = named.partition("::")
        source = (ROOT / path).read_text()
        assert not function or re.search(rf"^(async )?def {function}\(", source, re.MULTILINE), named
