"""The types of features and the database of families that the report shows: the wanted ones, or a good choice."""

from collections.abc import Sequence
from dataclasses import dataclass

from attlas.queries.asking.answering import ask
from attlas.queries.asking.question import missing_tables
from attlas.queries.asking.questions import question_named
from attlas.queries.report.figures import Rows
from attlas.queries.store import Store
from attlas.schema import QuestionError
from attlas.schema.labels import is_label_of_probe

ALWAYS = ("Active site", "Binding site", "Helix", "Beta strand")
"""Types that are shown if the atlas has them."""
PFAM = "Pfam"
"""Database whose families are shown if the atlas has them."""
N_SHOWN = 8
"""Most types that are shown by default."""
NEARLY_ALL = 0.8
"""Share of residues from which on a type, such as `Chain`, says nothing about where in a protein a head looks."""


@dataclass(frozen=True)
class TypeChoice:
    """The types that are shown, and sentences on those that are not."""

    labels: tuple[str, ...]
    """Labels of the probe."""
    types: tuple[str, ...]
    """Types of features."""
    database: str | None
    """Database of the families; None if the atlas has none."""
    absent_labels: tuple[str, ...] = ()
    """Sentences on labels that are not shown."""
    absent_types: tuple[str, ...] = ()


def choose(atlas: Store, requested: Sequence[str] | None, proteins: dict[str, object]) -> TypeChoice:
    """Return the types to show; if `requested` is None, those on the most residues.

    Raises:
        QuestionError: a type that was asked for is neither a feature nor a label; names those of the atlas.
    """
    probed = [row for row in _answer_rows(atlas, "probed_labels", proteins) if _is_feature(row["label"])]
    stored = _answer_rows(atlas, "feature_types", proteins)
    if requested is not None:
        # Types of the whole atlas, so that a type which only these proteins lack is not an error.
        all_types = [row["label"] for row in _answer_rows(atlas, "probed_labels", {}) if _is_feature(row["label"])]
        requested = _as_stored(requested, all_types + [row["type"] for row in _answer_rows(atlas, "feature_types", {})])

    labels, without_labels = _choose_names(probed, "label", requested, "the probe")
    types, without_types = _choose_names(stored, "type", requested, "the features")

    databases = [row["database"] for row in _answer_rows(atlas, "family_databases", proteins)]
    database = PFAM if PFAM in databases else next(iter(databases), None)
    return TypeChoice(labels, types, database, without_labels, without_types)


def _answer_rows(atlas: Store, name: str, proteins: dict[str, object]) -> Rows:
    if missing_tables(question_named(name), atlas.manifest):
        return []
    rows: Rows = ask(atlas, name, proteins).answer(atlas).read_all().to_pylist()
    return rows


def _is_feature(label: str) -> bool:
    return not is_label_of_probe(label)


def _choose_names(
    rows: Rows, column: str, requested: Sequence[str] | None, where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    by_size = [row[column] for row in rows if row["background"] < NEARLY_ALL]
    if requested is not None:
        missing = [name for name in requested if name not in [row[column] for row in rows]]
        note = f"Not shown, since {where} have none on these proteins: {', '.join(missing)}."
        # Those without rows are asked for as well: each of their figures is then named as missing.
        return tuple(requested), (note,) if missing and rows else ()

    names = [name for name in ALWAYS if name in by_size]
    names += [name for name in by_size if name not in names][: N_SHOWN - len(names)]
    others = [row[column] for row in rows if row[column] not in names]
    notes = (f"Not shown here, but in the table: {', '.join(others)}; `--types` shows them.",) if others else ()
    return tuple(names), notes


def _as_stored(requested: Sequence[str], stored: Sequence[str]) -> list[str]:
    """Return types as the atlas writes them, for any letter case of the input.

    Raises:
        QuestionError: the atlas has none of a type.
    """
    spellings = {name.lower(): name for name in reversed(stored)} | {name: name for name in stored}
    stored_names = [spellings.get(name, spellings.get(name.lower())) for name in requested]
    if unknown := [name for name, stored_name in zip(requested, stored_names, strict=True) if stored_name is None]:
        expected = ", ".join(dict.fromkeys(stored)) or "none; `attlas annotate` and `attlas probe` add them"
        raise QuestionError("The atlas has no such types of features.", offenders=unknown, expected=expected)
    return list(dict.fromkeys(name for name in stored_names if name is not None))
