"""What is to be known beside the numbers of a comparison: what was compared, how it was counted, what looks wrong."""

from collections.abc import Iterator, Sequence

from attlas.queries.comparing import rejects
from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.checking import Laid
from attlas.queries.comparing.claims import Source
from attlas.queries.comparing.pooling import MIN_PROTEINS
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
    yield from _layers(manifest, source, agreements)
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


def _layers(manifest: Manifest, source: Source, agreements: Sequence[Agreement]) -> Iterator[str]:
    """Say so if the layers cannot be of one model, or else if they seem to be counted from 1."""
    pairs = [
        (agreement.layer_ours, agreement.layer_theirs)
        for agreement in agreements
        if agreement.layer_theirs is not None and agreement.layer_ours is not None
    ]
    n_layers = manifest.run.n_layers
    highest = max((theirs for _, theirs in pairs), default=0)
    if source.n_layers not in (None, n_layers):
        yield f"layers are of models of {n_layers} and {source.n_layers} layers: that two are the same says little"
    elif highest > n_layers:
        yield f"warning: layer {highest:,} there, and the model here has {n_layers}: they are of another model"
    elif source.n_layers is None:  # an atlas counts its layers from 0
        yield from _layers_from_1([theirs - ours for ours, theirs in pairs])


def _layers_from_1(steps: Sequence[int]) -> Iterator[str]:
    n_same, n_above = steps.count(0), steps.count(1)
    if len(steps) >= MIN_PROTEINS and n_above > len(steps) / 2:
        yield (
            f"warning: of {counted(len(steps), 'layer')} {n_same:,} are the same and {n_above:,} are ours plus 1: "
            "are they counted from 1 there?"
        )
