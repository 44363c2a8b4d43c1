"""Notes beside the numbers of a comparison: the two tables, how residues were counted, warnings."""

from collections.abc import Iterator, Sequence

from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.matching import MatchedTable
from attlas.queries.comparing.pooling import MIN_PROTEINS
from attlas.queries.comparing.published import PublishedTable
from attlas.queries.text import counted, printable
from attlas.schema import Manifest


def source_lines(manifest: Manifest, table: PublishedTable, matched: MatchedTable) -> Iterator[str]:
    """Yield the names of the two tables that are compared, and the numbering of the other one."""
    run = manifest.run
    order = f"sites in order {matched.order}" if matched.order else "no order of sites"
    yield printable(f"ours: atlas of {run.model}, {run.n_layers} layers, rule {run.rule}")
    yield printable(f"theirs: {table.name}, {table.kind}; {order}")
    yield matched.numbering.line


def warning_lines(
    manifest: Manifest, table: PublishedTable, matched: MatchedTable, agreements: Sequence[Agreement]
) -> Iterator[str]:
    """Yield warnings about the numbering of residues and of layers."""
    yield from _numbering_lines(matched, agreements)
    yield from _layer_lines(manifest.run.n_layers, table, agreements)


def absent_lines(n_absent: int, accessions: Sequence[str]) -> Iterator[str]:
    """Yield the number of computed proteins that the table does not name, with the first of them."""
    if n_absent:
        ending = f" and {n_absent - len(accessions):,} more" if n_absent > len(accessions) else ""
        proteins = counted(n_absent, "computed protein is", "computed proteins are")
        yield f"{proteins} not in the table: {', '.join(map(printable, accessions))}{ending}"


def _numbering_lines(matched: MatchedTable, agreements: Sequence[Agreement]) -> Iterator[str]:
    """Yield a warning if more sites agreed under the other numbering; tables with letters have told theirs."""
    if matched.numbering.evidence.n_letters:
        return

    first_position = matched.numbering.first_position
    shift = 1 if first_position == 1 else -1
    n_both = sum(agreement.n_both for agreement in agreements)
    n_shifted = sum(agreement.n_shifted(shift) for agreement in agreements)
    if n_shifted > n_both:
        other_position = 1 - first_position
        n_agreeing = f"{n_both:,} sites agree, and {n_shifted:,} would"
        yield f"warning: {n_agreeing} if the table counted from {other_position}: does it?"


def _layer_lines(n_layers: int, table: PublishedTable, agreements: Sequence[Agreement]) -> Iterator[str]:
    """Yield a warning if the layers cannot be of one model, or if they seem to be counted from 1."""
    pairs = [
        (agreement.atlas_layer, agreement.table_layer)
        for agreement in agreements
        if agreement.table_layer is not None and agreement.atlas_layer is not None
    ]
    highest = max((table_layer for _, table_layer in pairs), default=0)
    if table.n_layers not in (None, n_layers):
        yield f"layers are of models of {n_layers} and {table.n_layers} layers: that two are the same says little"
    elif highest > n_layers:
        yield f"warning: the table has a layer {highest:,}, and this model {n_layers} layers: it is of another model"
    elif table.n_layers is None:  # an atlas counts its layers from 0
        yield from _layers_from_1_lines([table_layer - atlas_layer for atlas_layer, table_layer in pairs])


def _layers_from_1_lines(steps: Sequence[int]) -> Iterator[str]:
    """Yield a warning if most layers of the table are one above those of the atlas."""
    n_same, n_above = steps.count(0), steps.count(1)
    if len(steps) >= MIN_PROTEINS and n_above > len(steps) / 2:
        yield (
            f"warning: of {counted(len(steps), 'layer')} {n_same:,} are the same and {n_above:,} are ours plus 1: "
            "does the table count them from 1?"
        )
