"""The card of a protein for `attlas show`: values in, lines of text out."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from attlas.queries.answers.one_id import FAILED, NO_SITES, SITES_FOUND, SKIPPED, Answer
from attlas.queries.answers.stored_rows import ProteinRow, SiteRow
from attlas.queries.cards.features import (
    LABEL,
    MARKS,
    family_text,
    feature_lines,
    feature_marks,
    legend,
    select_drawn_features,
)
from attlas.queries.cards.tracks import (
    PLAIN,
    TEN_OR_MORE,
    Style,
    Track,
    profile_bars,
    rank_marks,
    residues_per_column,
    ruler,
    sequence_lines,
    site_columns,
)
from attlas.queries.text import GAP, Layout, counted, cut, printable
from attlas.schema import Run
from attlas.schema.published_weights import describe_weights

INDENT = "  "
MAX_WIDTH = 120
"""Columns a card uses at most: longer lines are hard to follow."""
MAX_SITES = 40
"""Sites listed in a card; sets this large are rare and `--json` has them all."""
N_AROUND = 5
"""Neighbours shown on either side of a site, residues."""
WHOLE_RESIDUES = 1_000
"""Residues up to which a sequence is shown whole; of a longer one, the lines that hold sites."""

Extent = Literal["auto", "whole", "none"]
"""How much of the sequence a card shows: all of it if short, else around its sites; all of it; nothing."""


def card(answer: Answer, run: Run, *, width: int, style: Style = PLAIN, sequence: Extent = "auto") -> str:
    """Return the card of an answer that has a protein, in lines of at most `width` characters."""
    width = min(width, MAX_WIDTH)
    parts = (
        _heading(answer, width, style),
        _outcome(answer, run, width),
        _sites(answer),
        _profiles(answer, width, style),
        _features(answer, width),
        _sequence(answer, width, style, sequence),
    )
    return "\n".join(line for lines in parts for line in lines)


def _heading(answer: Answer, width: int, style: Style) -> Iterator[str]:
    protein = answer.protein
    title = cut(format_title(protein), width)
    yield f"{style.bold}{title}{style.reset}"

    facts = [
        _organism(protein),
        f"gene {protein.gene}" if protein.gene else "",
        counted(protein.length, "residue"),
    ]
    yield cut(printable(" · ".join(fact for fact in facts if fact)), width)

    if answer.families:
        yield from _wrap(f"families: {family_text(answer.families)}", width)
    if numbers := _numbers_text(answer):
        yield from _wrap(numbers, width)
    if answer.note:
        yield from _wrap(answer.note, width)
    elif answer.id != protein.accession:
        yield cut(f"asked as {printable(answer.id)}", width)


def _numbers_text(answer: Answer) -> str:
    """Return the tracks and the variants with values that a protein has, in one text; empty without any."""
    kinds = (("tracks", "residue", answer.tracks), ("variants", "variant", answer.variants))
    texts = [
        f"{kind}: " + ", ".join(f"{series.name} ({counted(series.n_values, noun)})" for series in counts)
        for kind, noun, counts in kinds
        if counts
    ]
    return "; ".join(texts)


def format_title(protein: ProteinRow) -> str:
    """Return the names of a protein in one line: accession, entry name, description."""
    names = [protein.accession, protein.entry_name, protein.description]
    return GAP.join(printable(name) for name in names if name)


def _organism(protein: ProteinRow) -> str:
    taxon = f"taxon {protein.taxon_id}" if protein.taxon_id is not None else ""
    name = str(protein.organism or "")
    return f"{name} ({taxon})" if name and taxon else name or taxon


def _outcome(answer: Answer, run: Run, width: int) -> Iterator[str]:
    for text in _outcome_texts(answer, run):
        yield from _wrap(text, width)


def _outcome_texts(answer: Answer, run: Run) -> Iterator[str]:
    layer = answer.protein.layer
    if answer.outcome in (SKIPPED, FAILED):
        yield f"not computed, {answer.outcome}: {answer.reason}"
        return
    if layer is not None:
        layers = counted(run.n_layers, "layer")
        yield f"layer of convergence {layer} (counted from 0; {run.model} has {layers})"
        yield f"weights: {describe_weights(run)}"

    if answer.links is not None:
        yield str(answer.links)

    if answer.outcome == NO_SITES:
        why = f": {answer.reason}" if answer.reason else ""
        yield f"computed, no high-attention sites{why} (rule {run.rule})"
        return

    flag = f"; flagged: {answer.reason}" if answer.reason else ""
    yield f"{counted(len(answer.sites), 'high-attention site')} (rule {run.rule}{flag})"


def _sites(answer: Answer) -> Iterator[str]:
    if answer.outcome != SITES_FOUND:
        return

    sequence = answer.protein.sequence or ""
    listed = answer.sites[:MAX_SITES]
    rows = [
        (site.rank, site.position, _residue(site), _format(site.received, 2), _format(site.share, 3),
         _around(sequence, site.position))
        for site in listed
    ]  # fmt: skip
    yield ""
    layout = Layout.of(("rank", "position", "residue", "received", "share", "around"), rows)
    yield from (INDENT + line for line in layout.lines(rows))
    if any(site.is_nonstandard for site in listed):
        yield f"{INDENT}* outside the 20 standard amino acids"
    if any(site.is_initiator_methionine for site in listed):
        yield f"{INDENT}initiator: methionine at position 1; the start of the sequence may draw attention to it"
    if len(answer.sites) > len(listed):
        yield f"{INDENT}... and {len(answer.sites) - len(listed)} more: `--json` lists all"


def _residue(site: SiteRow) -> str:
    """Return the letter of a site, marked where it is nonstandard or the initiator methionine."""
    if site.is_initiator_methionine:
        return f"{site.residue} (initiator)"
    return f"{site.residue}*" if site.is_nonstandard else str(site.residue)


def _profiles(answer: Answer, width: int, style: Style) -> Iterator[str]:
    """Yield the profile of each layer wanted, the sites below them, and a ruler."""
    # Without layers that were asked for, the layer of convergence alone.
    layer = answer.protein.layer
    profiles = answer.profiles
    if not profiles and layer is not None and answer.profile is not None:
        profiles = ((layer, answer.profile),)
    if not profiles or not profiles[0][1]:
        return

    labels = _profile_labels(profiles, layer)
    n_residues, columns = len(profiles[0][1]), max(width - len(INDENT) - len(labels[0]) - len(GAP), 1)
    bin_size = residues_per_column(n_residues, columns)
    sites = site_columns(_ranks(answer.sites), bin_size)
    yield ""
    yield from _wrap(_profile_title(profiles, layer, bin_size, sites.values()), width)
    tracks = [Track(label, profile_bars(values, bin_size)) for label, (_, values) in zip(labels, profiles, strict=True)]
    yield from (_track_line(track, len(labels[0]), style.marked(track.text, sites)) for track in tracks)
    if sites:
        marks = Track("rank", rank_marks(sites))
        yield _track_line(marks, len(labels[0]), f"{style.mark}{marks.text}{style.reset}")
    if features := select_drawn_features(answer.features or ()):
        yield _track_line(Track(LABEL, ""), len(labels[0]), feature_marks(features, bin_size))

    # The ruler comes last, below the marks of sites and features.
    numbers = Track("", ruler(n_residues, bin_size))
    yield _track_line(numbers, len(labels[0]), f"{style.dim}{numbers.text}{style.reset}")


def _profile_labels(profiles: Sequence[tuple[int, Sequence[float]]], layer_of_convergence: int | None) -> list[str]:
    if len(profiles) == 1:
        return [f"layer {profiles[0][0]}"]

    digits = max(len(str(layer)) for layer, _ in profiles)
    peaks = [f"{max(values):.3g}" for _, values in profiles]
    return [
        f"layer {layer:>{digits}}{'*' if layer == layer_of_convergence else ' '} {peak:>{max(map(len, peaks))}}"
        for (layer, _), peak in zip(profiles, peaks, strict=True)
    ]


def _profile_title(
    profiles: Sequence[tuple[int, Sequence[float]]], layer_of_convergence: int | None, bin_size: int, ranks: Any
) -> str:
    unit = "one residue a column" if bin_size == 1 else f"highest of {bin_size} residues a column"
    is_shown = layer_of_convergence in [layer for layer, _ in profiles]
    if len(profiles) == 1:
        layer, values = profiles[0]
        title = f"attention received in layer {layer}, peak {max(values):.3g}; {unit}"
    else:
        convergence = "; * layer of convergence" if is_shown else ""
        title = f"attention received, each layer up to its peak; {unit}{convergence}"

    if ranks and not is_shown:
        title += f"; ranks are those of layer {layer_of_convergence}"

    return title + (f"; {TEN_OR_MORE} rank 10 or above" if max(ranks, default=0) > 9 else "")


def _track_line(track: Track, label_width: int, painted: str) -> str:
    return f"{INDENT}{track.label:<{label_width}}{GAP}{painted}"


def _features(answer: Answer, width: int) -> Iterator[str]:
    """Yield the known features of an annotated atlas: the legend of their marks, and a short list."""
    features = answer.features or ()
    if not features:
        return

    drawn_features = select_drawn_features(features)
    sequence = answer.protein.sequence or ""
    n_others = sum(feature.type not in MARKS for feature in features)
    yield ""
    if drawn_features:
        yield from _wrap(legend(drawn_features), width)

    lines = feature_lines(drawn_features, _ranks(answer.sites), sequence, n_others=n_others)
    yield from (cut(INDENT + line, width) for line in lines)


def _sequence(answer: Answer, width: int, style: Style, extent: Extent) -> Iterator[str]:
    """Yield the sequence with its sites, whole or the lines that hold the sites listed."""
    sequence = answer.protein.sequence or ""
    is_computed = answer.outcome in (SITES_FOUND, NO_SITES)
    if extent == "none" or not sequence or (extent == "auto" and not is_computed):
        return

    ranks = _ranks(answer.sites)
    is_whole = extent == "whole" or len(sequence) <= WHOLE_RESIDUES
    title = "sequence" + (", sites in upper case with their ranks below" if ranks else "")
    yield ""
    if not is_whole and not ranks:
        text = f"sequence: {counted(len(sequence), 'residue')} without a site; `--sequence whole` shows it"
        yield from _wrap(text, width)
        return

    hint = "" if is_whole else "; lines without a site are left out, `--sequence whole` shows all"
    yield from _wrap(title + hint, width)
    positions = None if is_whole else [site.position for site in answer.sites[:MAX_SITES]]
    letters = "".join(c if c.isprintable() else "?" for c in sequence)  # one that was skipped may hold anything
    lines = sequence_lines(letters, ranks, width=width - len(INDENT), style=style, positions=positions)
    yield from (INDENT + line for line in lines)


def _ranks(sites: Sequence[SiteRow]) -> dict[int, int]:
    return {site.position: site.rank for site in sites}


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), width, break_on_hyphens=False)


def _around(sequence: str, position: int) -> str:
    """Return a site in upper case among its neighbours in lower case, padded so that sites line up."""
    before = sequence[max(position - 1 - N_AROUND, 0) : position - 1].lower()
    after = sequence[position : position + N_AROUND].lower()
    return before.rjust(N_AROUND) + sequence[position - 1 : position] + after


def _format(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"
