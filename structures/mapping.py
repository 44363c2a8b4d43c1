"""A protein's positions on the residues of a structure: chains are matched by their letters, never by their numbers.

A chain is aligned over its whole stated sequence, so that what has no coordinates cannot shift the rest. The alignment
is global with one cost per gap whatever its length: tags, fusions and loops cut out become gaps, not mismatches. What
is left over at either end, where letters differ more than they agree, is trimmed as not of the protein.
Positions count from 1. Where the letters differ, a residue is named but carries no value.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from attlas.intake.rejects import name_chains
from attlas.schema import InputError
from attlas.structures.chains import Place, ProteinChain, Residue, StructureFile, require

MIN_IDENTITY = 0.9
"""Share of aligned letters that must be the same: point mutants and close orthologues pass, paralogues rarely do."""
MIN_COVERAGE = 0.5
"""Share of the chain's letters, or of the protein's, that must be aligned, unless the chain was named by the caller:
a stretch that two families share is no match; a small domain fused to a large carrier has to be named."""
MIN_ALIGNED = 8
"""Aligned letters below which agreement may be chance."""

MATCH, MISMATCH, GAP = 2, -2, -10
"""Scores of the alignment; a gap costs the same however long, so five differing letters in a row open none yet."""


class UnlikeProteinError(InputError):
    """The error of a structure of which no chain is of the protein."""

    likeness = ""
    """How like the protein the first chain is, in words."""


@dataclass(frozen=True)
class AlignedResidue:
    """A residue with coordinates that is aligned to a position of the protein."""

    position: int
    letter: str
    """The protein's letter at this position."""
    structure_letter: str
    """The structure's letter; the protein's where it is one of several residues at one place."""
    residue: Residue

    @property
    def is_same(self) -> bool:
        """The letters agree."""
        return self.letter == self.structure_letter


@dataclass(frozen=True)
class ChainMatch:
    """A chain laid onto the protein."""

    chain: str
    placed: tuple[AlignedResidue, ...]
    """Residues with coordinates, by position, those of another letter included."""
    trimmed: tuple[AlignedResidue, ...]
    """Residues at the ends that lie opposite a position but are taken for a tag, by position."""
    unresolved: frozenset[int]
    """Positions that the chain has but without coordinates."""
    n_letters: int
    """Letters of the chain's sequence."""
    n_aligned: int
    """Those aligned to the protein, with coordinates or not."""
    n_same: int
    """Those of the same letter."""
    part: str = ""
    """The chain's own name within the file; two may share the author's."""

    @property
    def identity(self) -> float:
        """Share of the aligned letters that are the same."""
        return self.n_same / self.n_aligned if self.n_aligned else 0.0

    @property
    def same(self) -> tuple[AlignedResidue, ...]:
        """Residues of the protein's own letter: those that may carry its values."""
        return tuple(residue for residue in self.placed if residue.is_same)

    @property
    def mismatches(self) -> tuple[AlignedResidue, ...]:
        """Residues of another letter."""
        return tuple(residue for residue in self.placed if not residue.is_same)


@dataclass(frozen=True)
class StructureMatch:
    """A structure laid onto a protein: every chain that is of it."""

    file: StructureFile
    accession: str
    length: int
    """Residues of the protein."""
    chains: tuple[ChainMatch, ...]
    other_chains: tuple[str, ...]
    """Protein chains that are not of it."""

    def lines(self) -> Iterator[str]:
        """Yield notes for a reader: coverage of each chain, mismatches, chains left out."""
        names_by_words: dict[str, list[str]] = {}
        for match in self.chains:
            names_by_words.setdefault(_words(match, self.accession, self.length), []).append(match.chain)

        for words, names in names_by_words.items():
            yield f"{self.file.name} {name_chains(_distinct(names))}: {words}"

        yield from (f"{self.file.name}: {note}" for note in self.file.notes)
        if self.other_chains:
            chains = name_chains(_distinct(self.other_chains))
            yield f"{self.file.name} {chains}: not of {self.accession}, without values"


def match_structure(file: StructureFile, accession: str, sequence: str, *, chain: str | None = None) -> StructureMatch:
    """Lay a structure onto a protein.

    Without `chain` every chain that fits is taken, as a homo-oligomer asks for; with it, that one.

    Raises:
        InputError: there is no such chain, or none fits; says how far each one does and where it first differs.
    """
    candidates = [candidate for candidate in file.chains if chain is None or candidate.name == chain]
    if not candidates:
        names = ", ".join(dict.fromkeys(candidate.name for candidate in file.chains))
        raise InputError(f"{file.name} has no protein chain {chain}.", expected=f"one of {names}", found=str(chain))

    matches = [match_chain(candidate, sequence) for candidate in candidates]
    fitting = [match for match in matches if _fits(match, len(sequence), is_named=chain is not None)]
    if not fitting:
        raise _refusal(file, accession, sequence, candidates)

    other_chains = () if chain is not None else tuple(match.chain for match in matches if match not in fitting)
    return StructureMatch(file, accession, len(sequence), tuple(fitting), other_chains)


def match_chain(chain: ProteinChain, sequence: str) -> ChainMatch:
    """Align a chain to a sequence; what does not agree is left out of the alignment."""
    pairs = _align(sequence, chain.places)
    begin, end = _find_agreement(pairs, sequence, chain.places)
    return _chain_match(chain, sequence, pairs[begin:end], [*pairs[:begin], *pairs[end:]])


def _chain_match(
    chain: ProteinChain, sequence: str, pairs: Sequence[tuple[int, int]], trimmed: Sequence[tuple[int, int]] = ()
) -> ChainMatch:
    return ChainMatch(
        chain=chain.name,
        placed=tuple(_aligned_residues(chain, sequence, pairs)),
        trimmed=tuple(_aligned_residues(chain, sequence, trimmed)),
        unresolved=frozenset(i + 1 for i, place in pairs if chain.places[place].residue is None),
        n_letters=len(chain.places),
        n_aligned=len(pairs),
        n_same=sum(sequence[i] in chain.places[place].letters for i, place in pairs),
        part=chain.part,
    )


def _aligned_residues(chain: ProteinChain, sequence: str, pairs: Sequence[tuple[int, int]]) -> Iterator[AlignedResidue]:
    """Yield the pairs that have coordinates."""
    for i, place_index in pairs:
        place = chain.places[place_index]
        if place.residue is not None:
            letter = sequence[i] if sequence[i] in place.letters else place.letters[0]
            residue = _with_letter(place.residue, place.letters, letter)
            yield AlignedResidue(position=i + 1, letter=sequence[i], structure_letter=letter, residue=residue)


def _with_letter(residue: Residue, letters: str, letter: str) -> Residue:
    """Return the residue with the names that have a letter: of several residues at one place, the protein's."""
    names = tuple(name for name, of_name in zip(residue.names, letters, strict=True) if of_name == letter)
    return Residue(residue.chain, residue.number, residue.insertion, names)


def _align(sequence: str, places: Sequence[Place], *, extension: int = 0) -> list[tuple[int, int]]:
    """Return the aligned pairs, (index into the sequence, index into the places), both from 0.

    `extension` is the score of each letter of a gap after its first.
    """
    gemmi = require("gemmi")
    scoring = gemmi.AlignmentScoring()
    scoring.match, scoring.mismatch, scoring.gapo, scoring.gape = MATCH, MISMATCH, GAP, extension
    # What the protein has and the chain has not costs nothing at the ends and where coordinates show a break.
    gaps = [0, *(GAP if place.is_bonded else 0 for place in places[1:]), 0]
    letters = [place.letters[0] for place in places]
    cigar = gemmi.align_string_sequences(list(sequence), letters, gaps, scoring).cigar_str()
    return list(_pairs(cigar))


def _pairs(cigar: str) -> Iterator[tuple[int, int]]:
    """Yield the pairs of a CIGAR string: M pairs letters, I is the protein's alone, D the chain's alone."""
    i, place, digits = 0, 0, ""
    for character in cigar:
        if character.isdigit():
            digits += character
            continue

        n, digits = int(digits), ""
        if character == "M":
            yield from zip(range(i, i + n), range(place, place + n), strict=True)

        i += n if character in "MI" else 0
        place += n if character in "MD" else 0


def _find_agreement(pairs: Sequence[tuple[int, int]], sequence: str, places: Sequence[Place]) -> tuple[int, int]:
    """Return begin and end of the run of pairs with the highest score, which leaves out tags at either end."""
    best_score, best_begin, best_end = 0, 0, 0
    score = begin = 0
    for k, (i, place) in enumerate(pairs):
        if score <= 0:
            score, begin = 0, k
        score += 1 if sequence[i] in places[place].letters else -2
        if score > best_score:
            best_score, best_begin, best_end = score, begin, k + 1
    return best_begin, best_end


def _fits(match: ChainMatch, length: int, *, is_named: bool) -> bool:
    covered = max(match.n_aligned / match.n_letters, match.n_aligned / length)
    enough = is_named or covered >= MIN_COVERAGE
    return match.n_aligned >= MIN_ALIGNED and match.identity >= MIN_IDENTITY and enough and bool(match.same)


def _words(match: ChainMatch, accession: str, length: int) -> str:
    """Return coverage and mismatches in words that are the same for equal chains."""
    begin, end, n = match.placed[0].position, match.placed[-1].position, len(match.placed)
    text = f"{n} residues onto {begin}-{end} of {accession} ({n / length:.0%} of {length})"
    if match.unresolved:
        text += f", {len(match.unresolved)} without coordinates"
    if match.n_letters > match.n_aligned:
        text += f", {match.n_letters - match.n_aligned} of the chain's {match.n_letters} letters not of the protein"

    differing = [f"{p.letter}{p.position} is {p.residue.names[0]} {p.residue.numbered}" for p in match.mismatches]
    if differing:
        noun = "mismatch" if len(differing) == 1 else "mismatches"
        text += f", {len(differing)} {noun} (without values): {', '.join(differing)}"

    return text


def _refusal(file: StructureFile, accession: str, sequence: str, chains: Sequence[ProteinChain]) -> UnlikeProteinError:
    """Return the error for chains that do not fit, with the identity of their alignment from end to end."""
    # Aligned from end to end, because the local alignment of unlike chains is empty and says nothing.
    matches = [_chain_match(chain, sequence, _align(sequence, chain.places, extension=-1)) for chain in chains]
    best = max(matches, key=lambda match: match.identity)
    difference = None
    if best.mismatches:
        mismatch = best.mismatches[0]
        place = f"{accession} has {mismatch.letter}{mismatch.position}"
        difference = f"{mismatch.residue} ({mismatch.structure_letter}) where {place}"

    likeness = [
        f"{match.n_same} of {match.n_aligned} letters the same ({match.identity:.0%}), of"
        f" {match.n_letters} in the chain and {len(sequence)} in {accession}"
        for match in matches
    ]
    error = UnlikeProteinError(
        f"{file.name} {name_chains(_distinct(chain.name for chain in chains))}: not of {accession}.",
        expected=f"{MIN_IDENTITY:.0%} or more of the aligned letters the same, over half of the chain or the protein",
        found=difference,
        offenders=[f"chain {match.chain}: {words}" for match, words in zip(matches, likeness, strict=True)],
        hint="is it this protein's structure? a small part of a fusion is taken when its chain is named: --chain NAME",
    )
    error.likeness = likeness[0]
    return error


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
