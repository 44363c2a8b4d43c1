"""The cards of a release: what is stated, what is not, and the counts of the tables."""

import re
from pathlib import Path

import pytest
import yaml
from helpers.release_case import BUILT, EVERYTHING, read_rows

from attlas.queries.release import Statement, publish

pytestmark = pytest.mark.slow


def front_matter(root: Path) -> dict:
    _, head, _ = (root / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head)


def test_the_head_of_the_readme_is_what_the_hub_reads(release: Path, stated: Path) -> None:
    head = front_matter(stated)
    assert (head["pretty_name"], head["license"]) == (EVERYTHING.title, "cc-by-4.0")
    assert [config["config_name"] for config in head["configs"]] == [table.name for table in BUILT]
    assert all(list(stated.glob(config["data_files"])) for config in head["configs"])
    assert head["size_categories"] == ["1K<n<10K"]
    assert "license" not in front_matter(release)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("licence", "shown"),
    [("MIT", {"license": "mit"}), ("My own", {"license": "other", "license_name": "My own"})],
)
def test_a_licence_the_hub_does_not_know_is_other(
    atlas_dir: Path, tmp_path: Path, licence: str, shown: dict[str, str]
) -> None:
    publish(atlas_dir, tmp_path / "release", Statement(licence=licence))
    head = front_matter(tmp_path / "release")
    assert {name: head[name] for name in shown} == shown


def test_the_cards_say_what_is_stated_and_what_is_not(release: Path, stated: Path) -> None:
    for name in ("README.md", "DATACARD.md"):
        bare, full = (release / name).read_text(), (stated / name).read_text()
        for row in ("creators", "licence", "citation"):
            assert f"| {row} | not stated |" in bare
        assert "| creators | Ada Lovelace, Grüße GmbH |" in full
        assert "| licence | CC-BY-4.0 |" in full
        assert 'The "first" \\| atlas: &lt;b>50 %&lt;/b>' in full
        assert "not stated" not in full


def test_the_card_counts_as_the_table_does(release: Path) -> None:
    card = (release / "DATACARD.md").read_text()
    assert "22 proteins requested = 20 ok + 1 skipped + 1 failed." in card
    assert "| failed | out of memory | 1 | Q00004 |" in card
    assert "| 40 or more | 1 |" in card
    rows = read_rows(release, "proteins")
    for n in (0, 3):
        assert f"| {n} | {sum(row['n_sites'] == n for row in rows)} |" in card
    layers = [row["layer"] for row in rows if row["status"] == "ok"]
    for layer in set(layers) - {None}:
        assert re.search(rf"^\| {layer} \| {layers.count(layer)} \| [\d.]+ \|$", card, re.MULTILINE)
    for table in BUILT:
        assert f"### {table.name}" in card
        assert all(f"| `{column.name}` |" in card for column in table.columns)
    assert "ECO:0008006" in card
    assert "\x1b" not in card
