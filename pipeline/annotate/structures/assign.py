"""Which protein of the atlas a chain is of: as the caller says, as the file says, or by having its very sequence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from attlas.pipeline.annotate.check import UNKNOWN, Known, Problem, Rejected, found_protein
from attlas.pipeline.annotate.records import Entry
from attlas.schema import InputError
from attlas.structures.chains import ProteinChain, StructureFile
from attlas.structures.mapping import ChainMatch, match_structure

NO_PROTEIN = "no protein of the atlas"
OTHER_SEQUENCE = "not the sequence of the protein"
SAME_NAME = "another polymer of the chain's name"


@dataclass(frozen=True)
class Assigned:
    """A chain laid onto a protein."""

    accession: str
    sequence_id: int
    match: ChainMatch
    is_by_sequence: bool = False
    """The file does not say which protein it is; the letters do."""


@dataclass(frozen=True)
class Assignment:
    """How chains find their proteins."""

    known: Known
    accessions: tuple[str, ...] = ()
    """What the caller says; none asks the files."""
    chain: str | None = None
    """The only chain that is looked at."""
    _by_sequence: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse accessions that are not in the atlas. Raises InputError."""
        for accession in self.accessions:
            _, row, problem = _protein(accession, self.known)
            if row is None or problem is not None:
                reason, detail = problem or Problem(UNKNOWN, "")
                raise InputError(
                    f"No structure can be laid onto {accession}: {reason}.",
                    expected="the accession of a protein that was computed",
                    found=detail or None,
                )
        for accession, row in self.known.rows.items():
            if self.known.columns["status"][row] == "ok":
                self._by_sequence.setdefault(self.known.columns["sequence"][row], []).append(accession)

    def of(self, file: StructureFile) -> Iterator[Assigned | Rejected]:
        """Yield the chains of a structure with their proteins, or why they have none.

        Raises:
            InputError: the caller said which protein or chain it is, and it is not.
        """
        chains = [chain for chain in file.chains if self.chain in (None, chain.name)]
        if not chains:
            names = ", ".join(dict.fromkeys(chain.name for chain in file.chains))
            raise InputError(f"{file.path.name} has no protein chain {self.chain}.", expected=f"one of {names}")
        apart, mixed = _told_apart(chains)
        for chain in mixed:
            yield _rejected(SAME_NAME, "its residues have the numbers of the other's", "", chain, file)
        if self.accessions:
            yield from _once(self._as_said(file, apart), file)
        else:
            yield from _once((found for chain in apart for found in self._as_stated(file, chain)), file)

    def _as_said(self, file: StructureFile, chains: Sequence[ProteinChain]) -> Iterator[Assigned | Rejected]:
        taken: set[tuple[str, str]] = set()
        problems: dict[str, InputError] = {}
        for accession in self.accessions:
            try:
                for found in self._laid(file, accession, chains, named=self.chain):
                    taken.add((found.match.chain, found.match.part))
                    yield found
            except InputError as error:
                problems[accession] = error
        if not taken and problems:
            raise next(iter(problems.values()))
        for accession, problem in problems.items():
            yield Rejected(OTHER_SEQUENCE, _why(problem), accession, "", file=file.path.name)
        said = ", ".join(self.accessions)
        for chain in chains:
            if (chain.name, chain.part) not in taken:
                yield _rejected(OTHER_SEQUENCE, f"not of {said}", "", chain, file)

    def _as_stated(self, file: StructureFile, chain: ProteinChain) -> Iterator[Assigned | Rejected]:
        """Yield what a chain is of by the accessions that the file states, several for a fusion."""
        wrong: list[Rejected] = []
        n = 0
        for stated in chain.accessions:
            accession, row, problem = _protein(stated, self.known)
            if row is None:
                continue
            if problem is not None:
                wrong.append(_rejected(problem.reason, problem.detail, accession, chain, file))
                continue
            try:
                for found in self._laid(file, accession, [chain], named=chain.name):
                    n += 1
                    yield found
            except InputError as error:
                wrong.append(_rejected(OTHER_SEQUENCE, _why(error), accession, chain, file))
        yield from wrong
        if not n and not wrong:
            yield from self._by_letters(file, chain)

    def _by_letters(self, file: StructureFile, chain: ProteinChain) -> Iterator[Assigned | Rejected]:
        accessions = self._same(chain.letters)
        for accession in accessions:
            for found in self._laid(file, accession, [chain], named=chain.name):
                yield Assigned(found.accession, found.sequence_id, found.match, is_by_sequence=True)
        if not accessions:
            stated = ", ".join(chain.accessions)
            detail = f"the file says {stated}" if stated else "the file does not say which, no sequence is the same"
            yield _rejected(NO_PROTEIN, detail, "", chain, file)

    def _same(self, letters: str) -> Sequence[str]:
        """Return the proteins whose sequence a chain has, to its end or with a tag of at most its length."""
        if letters in self._by_sequence:
            return self._by_sequence[letters]
        within = [s for s in self._by_sequence if len(s) < len(letters) <= 2 * len(s) and s in letters]
        return self._by_sequence[max(within, key=len)] if within else ()

    def _laid(
        self, file: StructureFile, accession: str, chains: Sequence[ProteinChain], *, named: str | None
    ) -> Iterator[Assigned]:
        found, row, _ = _protein(accession, self.known)
        if row is None:
            return
        sequence = self.known.columns["sequence"][row]
        for match in match_structure(replace(file, chains=tuple(chains)), found, sequence, chain=named).chains:
            yield Assigned(found, self.known.columns["sequence_id"][row], match)


def _told_apart(chains: Iterable[ProteinChain]) -> tuple[list[ProteinChain], list[ProteinChain]]:
    """Return the chains, and apart from them those with a residue of an earlier one's chain, number and insertion code.

    Atoms are found by these names.
    """
    seen: set[tuple[str, int, str]] = set()
    apart: list[ProteinChain] = []
    mixed: list[ProteinChain] = []
    for chain in chains:
        names = {(chain.name, p.residue.number, p.residue.insertion) for p in chain.places if p.residue is not None}
        (mixed if names & seen else apart).append(chain)
        seen |= names
    return apart, mixed


def _once(found: Iterable[Assigned | Rejected], file: StructureFile) -> Iterator[Assigned | Rejected]:
    """Yield what is found, without polymers whose positions another one of the same chain and protein has already."""
    taken: dict[tuple[str, str], dict[int, str]] = {}
    for one in found:
        if isinstance(one, Rejected):
            yield one
            continue
        match = one.match
        parts = taken.setdefault((one.accession, match.chain), {})
        others = {parts[placed.position] for placed in match.placed if placed.position in parts}
        if not others:
            parts.update((placed.position, match.part) for placed in match.placed)
            yield one
        elif others != {match.part}:  # else the file names the protein twice
            detail = "it lies on the same positions as the other"
            yield Rejected(SAME_NAME, detail, one.accession, chain_word(match.chain), file=file.path.name)


def _protein(accession: str, known: Known) -> tuple[str, int | None, Problem | None]:
    return found_protein(Entry((accession,), ()), known)


def _why(error: InputError) -> str:
    """Return how far the best of the chains is from fitting."""
    return (error.offenders or [error.what])[0].split(": ", 1)[-1]


def chain_word(name: str) -> str:
    """Return a chain by its name; one without a name is quoted."""
    return f"chain {name or chr(39) * 2}"


def _rejected(reason: str, detail: str, accession: str, chain: ProteinChain, file: StructureFile) -> Rejected:
    return Rejected(reason, detail, accession, chain_word(chain.name), file=file.path.name)
