"""The proteins of an atlas that an id names, one id or ten thousand, with the error that says why it names none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Self

from attlas.intake.identifiers import ISOFORM, N_NAMED, VERSIONED, list_searches, read_id, resolve_id
from attlas.queries.lookup.name_index import ProteinNames
from attlas.queries.lookup.similar import similar_ids
from attlas.queries.text import counted, cut, printable
from attlas.schema import QuestionError
from attlas.schema.index_tables import name_key

FORMS = (
    "accession (P04637, P04637-2, P04637.4), sp|ACCESSION|NAME, UniProtKB:ACCESSION, AF-ACCESSION-F1, entry name, "
    "gene or GENE@TAXON, MD5 or CRC64 of the sequence"
)
"""What an id may be, for messages."""
SHOWN_WIDTH = 80
"""Characters of an id that a message repeats."""


@dataclass(frozen=True)
class Match:
    """The answer to an id in an atlas: rows of `proteins`, or candidates, or nothing."""

    id: str
    rows: tuple[int, ...] = ()
    """Rows of `proteins`; several only for a digest, whose proteins share one sequence."""
    candidates: tuple[str, ...] = ()
    """Accessions, when the id names several proteins with no reason to prefer one, or only isoforms."""
    why: str | None = None
    """What stands in the way, where it is more than that nothing here has this id."""
    close: tuple[str, ...] = ()
    """Similar ids that are in the atlas, when this one is not."""
    in_taxa: tuple[str, ...] = ()
    """The gene with each taxon in which it names one protein, when it is ambiguous without."""
    is_isoform: bool = False
    """The id names an isoform that the atlas lacks, though it has another sequence of the entry."""
    cluster_rows: tuple[int, ...] = ()
    """The row of the protein that stands for the cluster of which the id is a member, if it is of one cluster."""
    note: str | None = None
    """What is to be known of the rows, in a sentence."""

    def of_cluster(self) -> Self:
        """Return the match with the protein that stands for the cluster of a member, and a note that says so.

        An answer of the cluster is of another protein than the one that was asked for: only who passes on the note may
        give it. A match of anything else is returned as it is.
        """
        if not self.cluster_rows:
            return self
        return replace(self, rows=self.cluster_rows, close=(), why=None, note=self.why)

    @property
    def reason(self) -> str | None:
        """The reason why there are no rows, in one line; None where it is only that the id is not in the atlas."""
        if self.candidates:
            others = f" and {len(self.candidates) - N_NAMED:,} more" if len(self.candidates) > N_NAMED else ""
            return f"one of {_list_in_words(self.candidates[:N_NAMED])}{others}"
        similar = f"similar ids here: {_list_in_words(self.close)}" if self.close else None
        return "; ".join(text for text in (self.why, similar) if text) or None

    @property
    def is_unknown(self) -> bool:
        """No protein of the atlas is known to be meant, so that similar ids may help."""
        is_explained = self.why is not None and not self.is_isoform
        return not (self.rows or self.candidates or self.cluster_rows or is_explained)

    def fault(self) -> QuestionError:
        """Return the error that says why there are no rows."""
        id_words = cut(printable(self.id), SHOWN_WIDTH) if self.id.strip() else "An empty id"
        if self.candidates:
            message = f"{id_words} names {counted(len(self.candidates), 'protein')} of this atlas."
            in_taxa = f", or for that of one organism: {_list_in_words(self.in_taxa)}" if self.in_taxa else ""
            hint = "ask for one of these accessions" if len(self.candidates) > 1 else "ask for this accession"
            named = [printable(accession) for accession in self.candidates]
            return QuestionError(message, found=self.why, offenders=named, hint=hint + in_taxa)

        message = f"{id_words} is not in this atlas."
        if self.close:
            is_by_case = any(name.upper() == self.id.strip().upper() for name in self.close)
            hint = f"similar ids here: {_list_in_words(self.close)}" + ("; letter case counts" if is_by_case else "")
            return QuestionError(message, found=self.why, hint=hint)

        if self.why:
            return QuestionError(message, found=self.why)

        return QuestionError(
            message, expected=FORMS, hint="`attlas sql DIR 'SELECT accession, gene FROM proteins'` lists all"
        )


def find(names: ProteinNames, id: str, *, taxon: int | str | None = None) -> Match:
    """Return the match of an id. `taxon`, an NCBI id or an organism's name, says whose gene a gene name means."""
    return _explain_unknown(names, [_match_id(names, id, taxon)])[0]


def find_all(names: ProteinNames, ids: Sequence[str], *, taxon: int | str | None = None) -> list[Match]:
    """Return the match of each of many ids; no part of the index is read twice."""
    with names.index.remembering(key for id in ids for key in _list_keys(id)):
        return _explain_unknown(names, [_match_id(names, id, taxon) for id in ids])


def _list_keys(id: str) -> Iterator[str]:
    """Yield the keys of the index under which the readings of an id are looked up."""
    form = read_id(id)
    readings = [id, form.pasted, form.name, *(search.value for search in list_searches(form))]
    readings += [match[1] for pattern in (VERSIONED, ISOFORM) if (match := pattern.fullmatch(form.name))]
    yield from map(name_key, readings)


def _explain_unknown(names: ProteinNames, matches: list[Match]) -> list[Match]:
    """Return matches in which unknown ids have the cluster of which they are members, or else similar ids."""
    members = {match.id: read_id(match.id).name for match in matches if match.is_unknown}
    # In the order of the table, of which neighbours are read together.
    clusters = {id: names.members.clusters_of(member) for id, member in sorted(members.items(), key=itemgetter(1))}
    with names.index.remembering(name_key(cluster) for accessions in clusters.values() for cluster in accessions):
        matches = [_match_member(names, match, clusters.get(match.id, ())) for match in matches]

    unknown = {match.id: members[match.id] for match in matches if match.is_unknown}
    close = similar_ids(names, list(dict.fromkeys(unknown.values())))
    return [replace(match, close=close[unknown[match.id]]) if match.id in unknown else match for match in matches]


def _match_id(names: ProteinNames, id: str, taxon: int | str | None) -> Match:
    resolution = resolve_id(names, id, taxon=taxon)
    return Match(
        id,
        resolution.rows,
        resolution.candidates,
        resolution.why,
        in_taxa=resolution.in_taxa,
        is_isoform=resolution.is_isoform,
    )


def _match_member(names: ProteinNames, match: Match, clusters: Sequence[str]) -> Match:
    """Return the match of an id that is a member of some clusters; of an id that is none, the match as it is."""
    member = printable(read_id(match.id).name)
    if len(clusters) > 1:
        return replace(match, candidates=tuple(clusters), why=f"{member} is a member of these clusters")

    row = names.row_of(clusters[0]) if clusters else None
    if row is None:
        return match
    why = f"{member} is a member of {printable(clusters[0])}"
    return replace(match, why=why, close=(clusters[0],), cluster_rows=(row,))


def _list_in_words(texts: Sequence[str]) -> str:
    return ", ".join(map(printable, texts))
