"""Features and families in a card: marks along the profile, and a short list with the sites they hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from attlas.queries.answers.stored_rows import FamilyRow, FeatureRow
from attlas.queries.text import Layout, counted, cut, printable

MARKS = {"Active site": "A", "Binding site": "B", "DNA binding": "D", "Site": "S", "Modified residue": "M"}
"""Types drawn and listed, with their marks; of several in one column the first here is drawn."""
LABEL = "known"
MAX_FEATURES = 12
"""Features listed in a card; `--json` has them all."""
FAMILIES_OF = ("Pfam", "InterPro")
"""Databases whose families a card names: the first of which a protein has any; else the first it has."""
MAX_FAMILIES = 6
"""Families named in a card; `--json` has them all."""
_DESCRIPTION_WIDTH = 50


@dataclass(frozen=True)
class DrawnFeature:
    """A feature as a card shows it."""

    type: str
    begin: int
    end: int
    description: str


def family_text(families: Sequence[FamilyRow]) -> str:
    """Return the families of a protein that has some, those of one database by name, in one text."""
    names = {(family.database, family.family): family.name or "" for family in families}
    databases = [database for database, _ in names]
    database = next((name for name in FAMILIES_OF if name in databases), databases[0])
    listed = [family for source, family in names if source == database][:MAX_FAMILIES]
    parts = ", ".join(f"{family} {names[database, family]}".rstrip() for family in listed)
    n_left = len(names) - len(listed)
    return f"{database} {parts}" + (f"; {n_left} more with `--json`" if n_left else "")


def select_drawn_features(features: Sequence[FeatureRow]) -> list[DrawnFeature]:
    """Return the features of the drawn types, one for each type and place, with their descriptions joined."""
    descriptions: dict[tuple[str, int, int], list[str | None]] = {}
    for feature in features:
        if feature.type in MARKS:
            key = (feature.type, feature.begin, feature.end)
            descriptions.setdefault(key, []).append(feature.description)

    # Several sources may say the same of one place.
    return [DrawnFeature(*key, ", ".join(dict.fromkeys(filter(None, texts)))) for key, texts in descriptions.items()]


def feature_marks(features: Sequence[DrawnFeature], bin_size: int) -> str:
    """Return a line with the mark of each column, of `bin_size` residues, that holds a feature."""
    marks: dict[int, str] = {}
    for kind in reversed(MARKS):
        for feature in features:
            if feature.type == kind:
                columns = range((feature.begin - 1) // bin_size, (feature.end - 1) // bin_size + 1)
                marks.update(dict.fromkeys(columns, MARKS[kind]))
    return "".join(marks.get(column, " ") for column in range(max(marks, default=-1) + 1))


def legend(features: Sequence[DrawnFeature]) -> str:
    """Return the meaning of the marks of these features, in one line."""
    kinds = {feature.type for feature in features}
    return f"{LABEL}: " + ", ".join(f"{mark} {kind.lower()}" for kind, mark in MARKS.items() if kind in kinds)


def feature_lines(
    features: Sequence[DrawnFeature], ranks: Mapping[int, int], sequence: str, *, n_others: int
) -> Iterator[str]:
    """Yield a list of features, with the best rank of the high-attention sites they hold.

    `ranks` are those of the sites by position from 1; `n_others` is the number of features of types not listed.
    """
    rows = [_feature_row(feature, ranks, sequence) for feature in features[:MAX_FEATURES]]
    if rows:
        yield from Layout.of(("known feature", "position", "residue", "site", "description"), rows).lines(rows)

    n_left = len(features) - len(rows)
    texts = [f"{n_left} more of these types"] if n_left > 0 else []
    texts += [f"{counted(n_others, 'feature')} of other types"] if n_others else []
    if texts:
        yield f"... and {', '.join(texts)}: `--json` lists all"


def _feature_row(feature: DrawnFeature, ranks: Mapping[int, int], sequence: str) -> tuple[str, ...]:
    begin, end = feature.begin, feature.end
    site_ranks = [ranks[position] for position in range(begin, end + 1) if position in ranks]
    place = str(begin) if begin == end else f"{begin}-{end}"
    description = cut(printable(feature.description), _DESCRIPTION_WIDTH)
    return feature.type, place, sequence[begin - 1] if begin == end else "", _best(site_ranks), description


def _best(ranks: Sequence[int]) -> str:
    return f"rank {min(ranks)}" if ranks else ""
