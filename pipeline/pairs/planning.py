"""The pairs of a file against the proteins of an atlas: those to compute, and every other line with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.intake.claims import NO_CLAIM
from attlas.pipeline.annotate.check import COLUMNS, Proteins, find_protein
from attlas.pipeline.directory import list_planned, planned_schema
from attlas.pipeline.pairs.joining import Form, count_joined_tokens
from attlas.pipeline.pairs.pair_list import ListedPair, PairList
from attlas.pipeline.plan import N_SPECIAL_TOKENS
from attlas.pipeline.proteins.arranging import ArrangedProteins
from attlas.schema import AtlasPaths

OK, SKIPPED, FAILED = "ok", "skipped", "failed"
"""The status of a pair."""


@dataclass(frozen=True)
class PairLimits:
    """The longest pairs that are computed."""

    forms: tuple[Form, ...]
    max_length: int | None
    """Residues of both, as the caller says; None: no limit."""
    max_residues: int | None
    """Residues of a single sequence that the model's positions reach; None: they have no end."""

    def find_reason(self, n_residues: int) -> str | None:
        """Return why a pair of so many residues is not computed, None where it is."""
        if self.max_length is not None and n_residues > self.max_length:
            return f"{n_residues:,} residues, more than the {self.max_length:,} of --max-length"
        if self.max_residues is None:
            return None
        reach = self.max_residues + N_SPECIAL_TOKENS
        for form in self.forms:
            if (n_tokens := count_joined_tokens(n_residues, form)) > reach:
                return f"{n_tokens:,} tokens in the form {form}, more than the {reach:,} that the positions reach"
        return None


@dataclass(frozen=True)
class PlannedPair:
    """A line of a file of pairs, with the reason if its pair is not computed."""

    pair_id: int
    accession: str
    partner: str
    sequence_id: int | None
    """Number of the sequence of `accession`; None if it has no computed sequence."""
    partner_sequence_id: int | None
    n_residues: int | None
    """Residues of both proteins."""
    label: str | None
    score: float | None
    reason: str | None
    """Why the pair is not computed; None: it is computed."""
    source: str
    line: int


@dataclass(frozen=True)
class PairOfSequences:
    """A pair that is computed, with its sequences."""

    pair: PlannedPair
    sequences: tuple[str, str]

    @property
    def length(self) -> int:
        """Return the residues of both."""
        return len(self.sequences[0]) + len(self.sequences[1])


@dataclass(frozen=True)
class PlannedPairs:
    """Every line of a file of pairs."""

    computed: tuple[PairOfSequences, ...]
    """Pairs in order of length, then of accession and partner; the place of a pair is its `pair_id`."""
    left_out: tuple[PlannedPair, ...]
    """Pairs that are not computed, in order of their lines."""


def read_proteins(paths: AtlasPaths) -> Proteins:
    """Return the proteins of a sealed atlas."""
    return Proteins.of(pq.read_table(paths.proteins, columns=list(COLUMNS)))


def read_drafted_proteins(arranged: ArrangedProteins) -> Proteins:
    """Return the proteins of an input as the atlas will have them, if none fails."""
    batches = [batch.select(list(COLUMNS)) for batch in list_planned(arranged)]
    schema = pa.schema([planned_schema().field(name) for name in COLUMNS])
    table = pa.Table.from_batches(batches, schema)
    is_planned = pc.equal(table["status"], "planned")
    status = pc.if_else(is_planned, OK, table["status"])
    return Proteins.of(table.set_column(table.column_names.index("status"), "status", status))


def plan_pairs(listed: PairList, proteins: Proteins, limits: PairLimits) -> PlannedPairs:
    """Return the pairs to compute and those left out; every line of the file is in one of the two."""
    drafts = _mark_repeated([_find_pair(pair, proteins, limits) for pair in listed.pairs])

    computed = sorted(
        (draft for draft in drafts if draft.reason is None),
        key=lambda draft: (draft.n_residues, draft.accession, draft.partner),
    )
    unreadable = [
        PlannedPair(-1, line.text, "", None, None, None, None, None, line.reason, line.source, line.line)
        for line in listed.left_out
    ]
    others = [draft for draft in drafts if draft.reason is not None] + unreadable
    others.sort(key=lambda draft: (draft.source, draft.line))

    return PlannedPairs(
        computed=tuple(
            PairOfSequences(replace(draft, pair_id=n), _sequences_of(draft, proteins))
            for n, draft in enumerate(computed)
        ),
        left_out=tuple(replace(draft, pair_id=len(computed) + n) for n, draft in enumerate(others)),
    )


def _sequences_of(pair: PlannedPair, proteins: Proteins) -> tuple[str, str]:
    """Return the sequences of both; the line does not tell pairs apart, as one line of a list is of many."""
    return proteins.by_accession[pair.accession].sequence, proteins.by_accession[pair.partner].sequence


def _find_pair(listed: ListedPair, proteins: Proteins, limits: PairLimits) -> PlannedPair:
    """Return a listed pair with its proteins, not yet numbered, and why it cannot be computed."""
    about = [find_protein([id], NO_CLAIM, proteins) for id in (listed.accession, listed.partner)]
    stored = [protein.protein for protein in about]
    problems = [
        f"{protein.accession}: {protein.problem.reason.value}"
        + (f" ({protein.problem.detail})" if protein.problem.detail else "")
        for protein in about
        if protein.problem is not None
    ]
    lengths = [protein.length for protein in stored if protein is not None]
    n_residues = sum(lengths) if len(lengths) == 2 else None
    reason = "; ".join(dict.fromkeys(problems)) or (None if n_residues is None else limits.find_reason(n_residues))

    ids = [protein.sequence_id if protein is not None and protein.is_computed else None for protein in stored]
    return PlannedPair(
        pair_id=-1,
        accession=about[0].accession if stored[0] else listed.accession,
        partner=about[1].accession if stored[1] else listed.partner,
        sequence_id=ids[0],
        partner_sequence_id=ids[1],
        n_residues=n_residues,
        label=listed.label,
        score=listed.score,
        reason=reason,
        source=listed.source,
        line=listed.line,
    )


def _mark_repeated(drafts: Sequence[PlannedPair]) -> list[PlannedPair]:
    """Return the pairs; a pair that repeats an earlier one, in either order, gets this as its reason."""
    earlier: dict[frozenset[str], PlannedPair] = {}
    marked = []
    for draft in drafts:
        if draft.reason is None:
            before = earlier.setdefault(frozenset((draft.accession, draft.partner)), draft)
            if before is not draft:
                is_reversed = before.accession != draft.accession
                where = f"line {before.line:,}" + (f" of {before.source}" if before.source != draft.source else "")
                draft = replace(draft, reason=f"the same pair as {where}" + (", reversed" if is_reversed else ""))
        marked.append(draft)
    return marked


def list_rows(planned: PlannedPairs, failed: Mapping[int, str], forms: Sequence[Form]) -> dict[str, list[object]]:
    """Return the columns of `pairs`, a row for each line of the file, in order of `pair_id`.

    Args:
        planned: the pairs.
        failed: reason of each pair that could not be computed, by `pair_id`.
        forms: the forms in which pairs were joined.
    """
    computed = [pair.pair for pair in planned.computed]
    rows = [*computed, *planned.left_out]
    status = [FAILED if row.pair_id in failed else OK for row in computed] + [SKIPPED] * len(planned.left_out)
    names = ("pair_id", "sequence_id", "accession", "partner", "label", "score", "n_residues", "source", "line")
    return {
        **{name: [getattr(row, name) for row in rows] for name in names},
        "forms": [" ".join(forms) if state == OK else "" for state in status],
        "status": list(status),
        "reason": [failed.get(row.pair_id, row.reason) for row in rows],
    }
