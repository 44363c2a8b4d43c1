"""Known features as bars below a sequence: one line for each type, bonds as their two ends joined."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from attlas.queries.answers.stored_rows import FeatureRow
from attlas.queries.cards.features import MARKS
from attlas.queries.plots.sequence_rows import SequenceRow
from attlas.queries.report.pictures import GREEN, shorten
from attlas.schema.labels import PAIRED_TYPES

MAX_LINES = 8
"""Types drawn; others are named below the figure."""
NOT_DRAWN = frozenset({"Chain", "Natural variant", "Sequence conflict", "Alternative sequence", "Mutagenesis"})
"""Types that say nothing of a place, or of the places that somebody looked at."""
_LINE_INCHES = 0.15
_MIN_INCHES = 0.03
"""Length of the shortest bar: one residue of a long protein is narrower than a line."""
_NAME_LETTERS = 20


@dataclass(frozen=True)
class FeatureBars:
    """The features that are drawn, and the types that are not."""

    types: tuple[str, ...]
    features: tuple[FeatureRow, ...]
    left_out: tuple[str, ...]

    @property
    def n_lines(self) -> int:
        """Lines, one for each type."""
        return len(self.types)

    @property
    def inches(self) -> float:
        """Height of the lines; 0 without any."""
        return self.n_lines * _LINE_INCHES + 0.05 if self.n_lines else 0.0

    def of_row(self, row: SequenceRow) -> "FeatureBars":
        """Return the features that touch a row of the sequence; types without any have no line there."""
        features = tuple(f for f in self.features if f.begin <= row.end and f.end >= row.begin)
        present = {feature.type for feature in features}
        return replace(self, types=tuple(type_ for type_ in self.types if type_ in present), features=features)

    @property
    def words(self) -> tuple[str, ...]:
        """What is not drawn, in words; nothing where all is."""
        if not self.left_out:
            return ()
        return (f"features not drawn: {', '.join(shorten(type_, _NAME_LETTERS).lower() for type_ in self.left_out)}",)


def select_bars(features: Sequence[FeatureRow]) -> FeatureBars:
    """Return the features of the types that are drawn: those that cards mark, then those of most features."""
    counts = Counter(feature.type for feature in features)
    marked = [type_ for type_ in MARKS if type_ in counts]
    others = [type_ for type_, _ in counts.most_common() if type_ not in MARKS and type_ not in NOT_DRAWN]
    types = (*marked, *others)[:MAX_LINES]
    drawn = tuple(feature for feature in features if feature.type in types)
    return FeatureBars(types, drawn, tuple(type_ for type_ in counts if type_ not in types))


def draw_feature_bars(axis: Any, bars: FeatureBars, row: SequenceRow) -> None:
    """Draw the features that lie in a row of the sequence."""
    for feature in bars.features:
        line = bars.types.index(feature.type)
        if feature.type in PAIRED_TYPES:
            _draw_bond(axis, row, feature, line)
        else:
            _draw_bar(axis, row, feature.begin, feature.end, line)

    axis.set_xlim(row.begin - 0.5, row.begin + row.width - 0.5)
    axis.set_ylim(bars.n_lines - 0.4, -0.6)
    axis.set_yticks(range(bars.n_lines), labels=[shorten(type_, _NAME_LETTERS) for type_ in bars.types])
    axis.tick_params(axis="y", length=0, labelsize=6.5)
    axis.spines["left"].set_visible(False)


def _draw_bar(axis: Any, row: SequenceRow, begin: int, end: int, line: int) -> None:
    begin, end = max(begin, row.begin), min(end, row.end)
    if begin > end:
        return
    shortest = _MIN_INCHES / row.inches(1)  # residues
    width = max(end - begin + 1, shortest)
    centre = (begin + end) / 2
    axis.broken_barh([(centre - width / 2, width)], (line - 0.32, 0.64), color=GREEN, linewidth=0)


def _draw_bond(axis: Any, row: SequenceRow, feature: FeatureRow, line: int) -> None:
    for position in (feature.begin, feature.end):
        _draw_bar(axis, row, position, position, line)
    begin, end = max(feature.begin, row.begin), min(feature.end, row.end)
    if begin < end:
        axis.hlines(line, begin, end, color=GREEN, linewidth=0.7)
