"""Tables of two columns, as files of groups and of clusters are: by tabs or commas, with or without a header."""

from pathlib import Path

import pytest

from attlas.intake.two_columns import read_names
from attlas.schema import InputError

ROWS = [("P00001", "C1"), ("P00002", "C1")]


@pytest.mark.parametrize(
    "text",
    [
        "P00001\tC1\nP00002\tC1\n",
        "\ufeffaccession,cluster\r\nP00001,C1\r\nP00002,C1\r\n",
        "Group\tprotein\nP00001\tC1\nP00002\tC1\n",
        "# of mmseqs\n\nP00001\t C1\nP00002\tC1\t\n",
    ],
)
def test_both_names_of_each_line_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "groups.tsv"
    path.write_bytes(text.encode())
    assert read_names(path, expected="groups") == ROWS


def test_every_line_without_two_names_is_named(tmp_path: Path) -> None:
    path = tmp_path / "groups.tsv"
    path.write_text("P00001\tC1\nP00002\nP00003\t\n\tC1\nP00004\tC1\tC2\n")
    with pytest.raises(InputError) as caught:
        read_names(path, expected="groups")
    assert list(caught.value.offenders) == [
        "line 2: 1 columns in place of 2",
        "line 3: P00003 alone",
        "line 4: no id in the first column",
        "line 5: 3 columns in place of 2",
    ]
