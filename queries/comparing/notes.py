"""What is to be known beside the numbers of a comparison: what was compared, how it was counted, what looks wrong."""

from collections.abc import Iterator, Sequence

from attlas.queries.comparing import rejects
from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.checking import Laid
from attlas.queries.comparing.claims import Source
from attlas.queries.comparing.rejects import Rejected
from attlas.queries.text import counted, printable
from attlas.schema import Manifest


def notes(
    manifest: Manifest,
    source: Source,
    laid: Laid,
    agreements: Sequence[Agreement],
    *,
    rejected: Sequence[Rejected],
    unnamed: tuple[int, Sequence[str]],
) -> Iterator[str]:
    """Yield the lines; `unnamed` are the computed proteins that the source lacks: how many, and the first."""
    run = manifest.run
    yield printable(f"here: atlas of {run.model}, {run.n_layers} layers, rule {run.rule}")
    order = f"sites in order {laid.order}" if laid.order else "no order of sites"
    yield printable(f"there: {source.name}, {source.kind}; {order}")
    yield laid.numbering.line
    yield from _shifted(laid, agreements)
    yield from _layers_shifted(agreements)
    yield from rejects.lines(rejected)
    n, names = unnamed
    if n:
        more = f" and {n - len(names):,} more" if n > len(names) else ""
        what = counted(n, "computed protein is not there", "computed proteins are not there")
        yield f"{what}: {', '.join(map(printable, names))}{more}"


def _shifted(laid: Laid, agreements: Sequence[Agreement]) -> Iterator[str]:
    """Say so if the other base would agree better, which letters would have told."""
    by = 1 if laid.numbering.base == 1 else -1
    here, there = (sum(one.n_shifted(step) for one in agreements) for step in (0, by))
    if there > here and not laid.numbering.evidence.n_letters:
        other = 1 - laid.numbering.base
        yield f"warning: {here:,} sites agree, and {there:,} would if the table counted from {other}: does it?"


def _layers_shifted(agreements: Sequence[Agreement]) -> Iterator[str]:
    steps = [
        one.layer_theirs - one.layer_ours
        for one in agreements
        if one.layer_theirs is not None and one.layer_ours is not None
    ]
    n_same, n_above = steps.count(0), steps.count(1)
    if n_above > n_same:
        yield (
            f"warning: of {counted(len(steps), 'layer')} {n_same:,} are the same and {n_above:,} are ours plus 1: "
            "are they counted from 1 there?"
        )
