"""Which protein of the atlas a chain is of: as the caller says, as the file says, or by having its very sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from attlas.pipeline.annotate.check import UNKNOWN, Known, Problem, Rejected, found_protein
from attlas.pipeline.annotate.records import Entry
from attlas.schema import InputError
from attlas.structures.chains import ProteinChain, StructureFile
from attlas.structures.mapping import ChainMatch, match_structure

NO_PROTEIN = "no protein of the atlas"
OTHER_SEQUENCE = "not the sequence of the protein"


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
        chains = {chain.name: chain for chain in file.chains if self.chain in (None, chain.name)}
        if not chains:
            names = ", ".join(dict.fromkeys(chain.name for chain in file.chains))
            raise InputError(f"{file.path.name} has no protein chain {self.chain}.", expected=f"one of {names}")
        if self.accessions:
            yield from self._as_said(file, chains)
            return
        for chain in chains.values():
            yield from self._as_stated(file, chain)

    def _as_said(self, file: StructureFile, chains: dict[str, ProteinChain]) -> Iterator[Assigned | Rejected]:
        taken: set[str] = set()
        problems: dict[str, InputError] = {}
        for accession in self.accessions:
            try:
                for found in self._laid(file, accession, self.chain):
                    taken.add(found.match.chain)
                    yield found
            except InputError as error:
                problems[accession] = error
        if not taken and problems:
            raise next(iter(problems.values()))
        for accession, problem in problems.items():
            yield Rejected(OTHER_SEQUENCE, _why(problem), accession, "", file=file.path.name)
        said = ", ".join(self.accessions)
        for name in chains.keys() - taken:
            yield Rejected(OTHER_SEQUENCE, f"not of {said}", "", chain_word(name), file=file.path.name)

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
                for found in self._laid(file, accession, chain.name):
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
            for found in self._laid(file, accession, chain.name):
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

    def _laid(self, file: StructureFile, accession: str, chain: str | None) -> Iterator[Assigned]:
        found, row, _ = _protein(accession, self.known)
        if row is None:
            return
        sequence = self.known.columns["sequence"][row]
        for match in match_structure(file, found, sequence, chain=chain).chains:
            yield Assigned(found, self.known.columns["sequence_id"][row], match)


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
