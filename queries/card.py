"""The card of a protein for `attlas show`: values in, lines of text out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attlas.queries.answers import FAILED, NO_SITES, SITES_FOUND, SKIPPED, Answer
from attlas.queries.text import Layout, cut, printable
from attlas.schema import Run

BLOCKS = "▁▂▃▄▅▆▇█"
INDENT = "  "
MAX_WIDTH = 120
"""Columns a profile uses at most: longer lines are hard to follow."""
MAX_SITES = 40
"""Sites listed in a card; sets this large are rare and `--json` has them all."""
N_AROUND = 5
"""Neighbours shown on either side of a site, residues."""
RULER_GAP = 12
"""Columns from one number of the ruler to the next, at least."""


@dataclass(frozen=True)
class Style:
    """How a terminal shows emphasis; empty texts where there is none (a pipe, a file)."""

    bold: str = ""
    dim: str = ""
    mark: str = ""
    reset: str = ""


PLAIN = Style()
COLOURED = Style(bold="\x1b[1m", dim="\x1b[2m", mark="\x1b[33m", reset="\x1b[0m")


def card(answer: Answer, run: Run, *, width: int, style: Style = PLAIN) -> str:
    """Return the card of an answer that has a protein, in lines of at most `width` characters."""
    width = min(width, MAX_WIDTH)
    lines = [*_heading(answer, width, style), *_outcome(answer, run), *_sites(answer), *_profile(answer, width, style)]
    return "\n".join(lines)


def profile_lines(profile: Sequence[float], sites: Sequence[tuple[int, int]], width: int) -> tuple[str, str, str]:
    """Return a profile as three lines: bars, ranks of sites, ruler.

    `profile` is attention received, (N,); `sites` are (position from 1, rank). Where N is larger than `width` a column
    is the maximum of a stretch of residues: a site is one high residue among low ones and a mean would hide it.
    """
    bin_size = residues_per_column(len(profile), width)
    bins = [max(profile[i : i + bin_size]) for i in range(0, len(profile), bin_size)]
    top = max(bins)
    bars = "".join(_bar(value, top) for value in bins)
    best: dict[int, int] = {}
    for position, rank in sites:
        column = (position - 1) // bin_size
        best[column] = min(rank, best.get(column, rank))
    ranks = "".join(_rank_mark(best.get(column)) for column in range(len(bins)))
    return bars, ranks.rstrip(), _ruler(len(profile), bin_size)


def residues_per_column(n_residues: int, width: int) -> int:
    """Return how many residues share a column so that all fit into `width`."""
    return -(-n_residues // max(width, 1))


def _heading(answer: Answer, width: int, style: Style) -> Iterator[str]:
    protein = answer.protein or {}
    names = [protein["accession"], protein["entry_name"], protein["description"]]
    title = cut("  ".join(printable(name) for name in names if name), width)
    yield f"{style.bold}{title}{style.reset}"
    facts = [
        _organism(protein),
        f"gene {protein['gene']}" if protein["gene"] else "",
        f"{protein['length']:,} residues",
    ]
    yield cut(printable(" · ".join(fact for fact in facts if fact)), width)
    if answer.asked != protein["accession"]:
        yield cut(f"asked as {printable(answer.asked)}", width)


def _organism(protein: dict[str, object]) -> str:
    taxon = f"taxon {protein['taxon_id']}" if protein["taxon_id"] is not None else ""
    name = str(protein["organism"] or "")
    return f"{name} ({taxon})" if name and taxon else name or taxon


def _outcome(answer: Answer, run: Run) -> Iterator[str]:
    protein = answer.protein or {}
    if answer.outcome in (SKIPPED, FAILED):
        yield f"not computed, {answer.outcome}: {answer.reason}"
        return
    if protein["layer"] is not None:
        yield f"layer of convergence {protein['layer']} (counted from 0; {run.model} has {run.n_layers} layers)"
    if answer.outcome == NO_SITES:
        why = f": {answer.reason}" if answer.reason else ""
        yield f"computed, no high-attention sites{why} (rule {run.rule})"
        return
    noun = "site" if len(answer.sites) == 1 else "sites"
    flag = f"; flagged: {answer.reason}" if answer.reason else ""
    yield f"{len(answer.sites)} high-attention {noun} (rule {run.rule}{flag})"


def _sites(answer: Answer) -> Iterator[str]:
    if answer.outcome != SITES_FOUND:
        return
    sequence = (answer.protein or {})["sequence"] or ""
    shown = answer.sites[:MAX_SITES]
    rows = [
        (s["rank"], s["position"], s["residue"] + ("*" if s["is_nonstandard"] else ""), _fixed(s["received"], 2),
         _fixed(s["share"], 3), _around(sequence, s["position"]))
        for s in shown
    ]  # fmt: skip
    yield ""
    layout = Layout.of(("rank", "position", "residue", "received", "share", "around"), rows)
    yield from (INDENT + line for line in layout.lines(rows))
    if any(site["is_nonstandard"] for site in shown):
        yield f"{INDENT}* outside the 20 standard amino acids"
    if len(answer.sites) > len(shown):
        yield f"{INDENT}... and {len(answer.sites) - len(shown)} more: `--json` lists all"


def _profile(answer: Answer, width: int, style: Style) -> Iterator[str]:
    if not answer.profile or answer.protein is None:
        return
    columns = width - len(INDENT)
    sites = [(site["position"], site["rank"]) for site in answer.sites]
    bars, ranks, ruler = profile_lines(answer.profile, sites, columns)
    per_column = residues_per_column(len(answer.profile), columns)
    unit = "one residue a column" if per_column == 1 else f"highest of {per_column} residues a column"
    yield ""
    yield cut(f"attention received in layer {answer.protein['layer']}, peak {max(answer.profile):.3g}; {unit}", width)
    yield INDENT + bars
    if ranks:
        yield f"{INDENT}{style.mark}{ranks}{style.reset}{style.dim}{_ranks_note(len(ranks), columns)}{style.reset}"
    yield f"{INDENT}{style.dim}{ruler}{style.reset}"


def _ranks_note(used: int, columns: int) -> str:
    note = "  site ranks, + from 10"
    return note if used + len(note) <= columns else ""


def _bar(value: float, top: float) -> str:
    return BLOCKS[min(int(value / top * len(BLOCKS)), len(BLOCKS) - 1)] if top > 0 else BLOCKS[0]


def _rank_mark(rank: int | None) -> str:
    return " " if rank is None else str(rank) if rank < 10 else "+"


def _ruler(n_residues: int, bin_size: int) -> str:
    """Return position numbers, each beginning at the column of its residue; the last position ends the line."""
    last = str(n_residues)
    end = -(-n_residues // bin_size) - len(last)
    if end < 2:
        return last
    step = _round_step(RULER_GAP * bin_size)
    line = ""
    for position in (1, *range(step, n_residues, step)):
        column = (position - 1) // bin_size
        if column >= len(line) and column + len(str(position)) < end:
            line = line.ljust(column) + str(position)
    return line.ljust(end) + last


def _round_step(at_least: int) -> int:
    """Return the smallest of 10, 20, 25, 50, 100, 200, ... that is at least `at_least`."""
    scale = 10
    while True:
        for factor in (1, 2, 2.5, 5):
            if scale * factor >= at_least:
                return int(scale * factor)
        scale *= 10


def _around(sequence: str, position: int) -> str:
    """Return the site in upper case among its neighbours in lower case, padded so that sites stand below each other."""
    before = sequence[max(position - 1 - N_AROUND, 0) : position - 1].lower()
    after = sequence[position : position + N_AROUND].lower()
    return before.rjust(N_AROUND) + sequence[position - 1 : position] + after


def _fixed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"
