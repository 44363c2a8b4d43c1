"""The protein of the atlas that a chain belongs to: by the caller, by the file, or by an identical sequence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from attlas.intake.claims import NO_CLAIM
from attlas.intake.rejects import Problem, Reason, Record, Rejected
from attlas.pipeline.annotate.check import ProteinOfEntry, Proteins, find_protein
from attlas.schema import InputError
from attlas.structures.chains import ProteinChain, StructureFile
from attlas.structures.mapping import ChainMatch, UnlikeProteinError, match_structure


@dataclass(frozen=True)
class AssignedChain:
    """A chain laid onto a protein."""

    accession: str
    sequence_id: int
    match: ChainMatch
    is_by_sequence: bool = False
    """The file does not say which protein it is; the letters do."""


@dataclass(frozen=True)
class Assignment:
    """How chains find their proteins."""

    proteins: Proteins
    accessions: tuple[str, ...] = ()
    """Proteins that the caller names; none asks the files."""
    chain: str | None = None
    """The only chain that is looked at."""
    _by_sequence: dict[str, list[str]] = field(default_factory=dict)
    """Accessions of the computed proteins that have a sequence."""

    def __post_init__(self) -> None:
        """Refuse accessions that are not in the atlas. Raises InputError."""
        for accession in self.accessions:
            about = self._find(accession)
            if about.problem is not None:
                raise InputError(
                    f"No structure can be laid onto {accession}: {about.problem.reason.value}.",
                    expected="the accession of a protein that was computed",
                    found=about.problem.detail or None,
                )
        for accession, protein in self.proteins.by_accession.items():
            if protein.is_computed:
                self._by_sequence.setdefault(protein.sequence, []).append(accession)

    def assign(self, file: StructureFile) -> Iterator[AssignedChain | Rejected]:
        """Yield the chains of a structure with their proteins, or why they have none.

        Raises:
            InputError: the caller said which protein or chain it is, and it is not.
        """
        chains = [chain for chain in file.chains if self.chain in (None, chain.name)]
        if not chains:
            names = ", ".join(dict.fromkeys(chain.name for chain in file.chains))
            raise InputError(f"{file.path.name} has no protein chain {self.chain}.", expected=f"one of {names}")

        distinct, confused = _separate_by_residue_names(chains)
        for chain in confused:
            yield _reject_chain(
                Problem(Reason.SAME_NAME, "its residues have the numbers of the other's"), "", chain, file
            )
        if self.accessions:
            outcomes = self._assign_as_named(file, distinct)
        else:
            outcomes = (outcome for chain in distinct for outcome in self._assign_as_stated(file, chain))
        yield from _without_overlaps(outcomes, file)

    def _assign_as_named(
        self, file: StructureFile, chains: Sequence[ProteinChain]
    ) -> Iterator[AssignedChain | Rejected]:
        """Yield the chains that are of the proteins that the caller names, and those that are of none."""
        assigned: set[tuple[str, str]] = set()
        errors: dict[str, UnlikeProteinError] = {}
        for accession in self.accessions:
            try:
                for chain in self._match(file, accession, chains, chain_name=self.chain):
                    assigned.add((chain.match.chain, chain.match.part))
                    yield chain
            except UnlikeProteinError as error:
                errors[accession] = error
        if not assigned and errors:
            raise next(iter(errors.values()))

        for accession, unlike in errors.items():
            yield Rejected(Reason.NOT_OF_PROTEIN, Record(accession, file=file.path.name), unlike.likeness)
        problem = Problem(Reason.NOT_OF_PROTEIN, f"not of {', '.join(self.accessions)}")
        for protein_chain in chains:
            if (protein_chain.name, protein_chain.part) not in assigned:
                yield _reject_chain(problem, "", protein_chain, file)

    def _assign_as_stated(self, file: StructureFile, chain: ProteinChain) -> Iterator[AssignedChain | Rejected]:
        """Yield the chain on each protein whose accession the file states, several for a fusion, or its rejects."""
        rejected: list[Rejected] = []
        n_assigned = 0
        for stated in chain.accessions:
            about = self._find(stated)
            if about.protein is None:
                continue
            if about.problem is not None:
                rejected.append(_reject_chain(about.problem, about.accession, chain, file))
                continue
            try:
                for assigned in self._match(file, about.accession, [chain], chain_name=chain.name):
                    n_assigned += 1
                    yield assigned
            except UnlikeProteinError as error:
                problem = Problem(Reason.NOT_OF_PROTEIN, error.likeness)
                rejected.append(_reject_chain(problem, about.accession, chain, file))

        yield from rejected
        if not n_assigned and not rejected:
            yield from self._assign_by_letters(file, chain)

    def _assign_by_letters(self, file: StructureFile, chain: ProteinChain) -> Iterator[AssignedChain | Rejected]:
        accessions = self._accessions_of_sequence(chain.letters)
        for accession in accessions:
            for assigned in self._match(file, accession, [chain], chain_name=chain.name):
                yield replace(assigned, is_by_sequence=True)
        if not accessions:
            stated = ", ".join(chain.accessions)
            detail = f"the file says {stated}" if stated else "the file does not say which, no sequence is the same"
            yield _reject_chain(Problem(Reason.NO_PROTEIN, detail), "", chain, file)

    def _accessions_of_sequence(self, letters: str) -> Sequence[str]:
        """Return the proteins whose sequence a chain has, to its end or with a tag of at most its length."""
        if letters in self._by_sequence:
            return self._by_sequence[letters]
        within = [s for s in self._by_sequence if len(s) < len(letters) <= 2 * len(s) and s in letters]
        return self._by_sequence[max(within, key=len)] if within else ()

    def _match(
        self, file: StructureFile, accession: str, chains: Sequence[ProteinChain], *, chain_name: str | None
    ) -> Iterator[AssignedChain]:
        """Yield the chains that are of a protein. Raises UnlikeProteinError if none is."""
        about = self._find(accession)
        if about.protein is None:
            return
        part = replace(file, chains=tuple(chains))
        for match in match_structure(part, about.accession, about.protein.sequence, chain=chain_name).chains:
            yield AssignedChain(about.accession, about.protein.sequence_id, match)

    def _find(self, accession: str) -> ProteinOfEntry:
        return find_protein((accession,), NO_CLAIM, self.proteins)


def _separate_by_residue_names(chains: Iterable[ProteinChain]) -> tuple[list[ProteinChain], list[ProteinChain]]:
    """Return the chains, and apart from them those with a residue of an earlier one's chain, number and insertion code.

    Atoms are found by these names.
    """
    earlier_names: set[tuple[str, int, str]] = set()
    distinct: list[ProteinChain] = []
    confused: list[ProteinChain] = []
    for chain in chains:
        residues = [place.residue for place in chain.places if place.residue is not None]
        names = {(chain.name, residue.number, residue.insertion) for residue in residues}
        (confused if names & earlier_names else distinct).append(chain)
        earlier_names |= names
    return distinct, confused


def _without_overlaps(
    outcomes: Iterable[AssignedChain | Rejected], file: StructureFile
) -> Iterator[AssignedChain | Rejected]:
    """Yield outcomes, but reject polymers whose positions another one of the same chain and protein has already."""
    parts_by_chain: dict[tuple[str, str], dict[int, str]] = {}
    for outcome in outcomes:
        if isinstance(outcome, Rejected):
            yield outcome
            continue

        match = outcome.match
        part_at = parts_by_chain.setdefault((outcome.accession, match.chain), {})
        positions = [residue.position for residue in match.placed]
        other_parts = {part_at[position] for position in positions if position in part_at}
        if not other_parts:
            part_at.update(dict.fromkeys(positions, match.part))
            yield outcome
        elif other_parts != {match.part}:  # else the file names the protein twice
            record = Record(outcome.accession, file=file.path.name, chain=match.chain)
            yield Rejected(Reason.SAME_NAME, record, "it lies on the same positions as the other")


def _reject_chain(problem: Problem, accession: str, chain: ProteinChain, file: StructureFile) -> Rejected:
    record = Record(accession, file=file.path.name, chain=chain.name)
    return Rejected(problem.reason, record, problem.detail)
