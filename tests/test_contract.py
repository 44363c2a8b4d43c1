"""The contract stands in `schema` alone: no other room lists the added tables, and SQL says its words as it does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from attlas import schema
from attlas.schema import ADDED_TABLES, Table
from attlas.schema.labels import AMINO_ACID, EVERY_RESIDUE, PAIRED_TYPES

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("intake", "structures", "pipeline", "queries", "serve", "assistant", "cli", "python")
"""Every room but `schema`, which holds the contract."""
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SQL_FILES = sorted((ROOT / "queries").rglob("*.sql"))
CONSTANTS = {name for name, value in vars(schema).items() if isinstance(value, Table) and value in ADDED_TABLES}
"""Names of the added tables in Python, such as `HEAD_FEATURES`."""


def lists_of_added_tables(text: str) -> Iterator[int]:
    """Yield the line of each tuple, list, set or dictionary of two or more added tables, by constant."""
    if sum(text.count(constant) for constant in CONSTANTS) < 2:
        return  # most files name none: parsing them took seconds

    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            elements = node.elts
        elif isinstance(node, ast.Dict):
            elements = [key for key in node.keys if key is not None]
        else:
            continue
        roots = [element.value if isinstance(element, ast.Attribute) else element for element in elements]
        if sum(isinstance(root, ast.Name) and root.id in CONSTANTS for root in roots) > 1:
            yield node.lineno


def test_added_tables_are_listed_in_the_contract_alone() -> None:
    # A list elsewhere would have to be told of a new table: derive it from `added_by`, `computed_from`, `settings`.
    lists = [f"{path.relative_to(ROOT)}:{line}" for path in MODULES for line in lists_of_added_tables(path.read_text())]
    assert len(MODULES) > 150
    assert lists == []


@pytest.mark.parametrize(
    "text", ["X = (LABELS, CONTACTS)", "X = {LABELS: 1, CONTACTS.name: 2}", "f([FEATURES, LABELS])"]
)
def test_a_list_of_added_tables_is_noticed(text: str) -> None:
    assert list(lists_of_added_tables(text)) == [1]


def test_labels_in_sql_are_those_of_the_contract() -> None:
    words = [word for path in SQL_FILES for word in re.findall(r"label (?:=|<>|LIKE) '(.*?)'", path.read_text())]
    assert set(words) == {EVERY_RESIDUE, f"{AMINO_ACID}_"}


def test_paired_types_in_sql_are_those_of_the_contract() -> None:
    lists = [
        tuple(re.findall(r"'(.*?)'", words))
        for path in SQL_FILES
        for words in re.findall(r"type IN \((.*?)\)", path.read_text())
    ]
    assert PAIRED_TYPES in lists
    assert [words for words in lists if set(words) & set(PAIRED_TYPES) and words != PAIRED_TYPES] == []
