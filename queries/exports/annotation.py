"""One protein's attention laid onto residues, for every export onto a structure.

With a structure, residues are its own, matched by letters, and those of another letter carry nothing. Without one they
are numbered as UniProt does, on chain A, as AlphaFold models are. What is left out is said, in the file and beside it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from attlas.queries.answers.one_id import Answer, answer_id
from attlas.queries.answers.stored_rows import ProteinRow, SiteRow
from attlas.queries.exports.request import Request
from attlas.queries.exports.site_text import INITIATOR
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.schema import BrokenAtlasError, QuestionError
from attlas.structures.chains import Residue, read_structure
from attlas.structures.components import COMPONENTS
from attlas.structures.mapping import ChainMatch, StructureMatch, match_structure

MODEL_CHAIN = "A"
"""The chain of an AlphaFold model."""
COMMENT_ENDS = re.compile(r"[;\\]|%(?=[0-9A-Fa-f]{2})")
"""Characters that are percent-encoded in the comments of a script; `%` only where it looks like an encoding."""


@dataclass(frozen=True)
class Annotation:
    """A protein with its attention and the residues that carry it."""

    protein: ProteinRow
    shares: tuple[float, ...]
    """Attention received in the layer of convergence over the largest there, by position, (N,), 0 to 1.

    Three digits of it count: the profile is stored as float16.
    """
    sites: tuple[SiteRow, ...]
    """High-attention sites by rank."""
    residues: tuple[tuple[int, Residue], ...]
    """Position and residue, chain by chain: only residues of the protein's own letter."""
    match: StructureMatch | None
    """None where no structure was given."""
    provenance: dict[str, str]

    def values(self) -> Iterator[tuple[Residue, float]]:
        """Yield every residue with its share."""
        return ((residue, self.shares[position - 1]) for position, residue in self.residues)

    def site_residues(self) -> Iterator[tuple[SiteRow, Residue]]:
        """Yield every site with each residue it lies on, by rank."""
        for site in self.sites:
            yield from ((site, residue) for position, residue in self.residues if position == site.position)

    @property
    def chains(self) -> tuple[str, ...]:
        """Names of the chains that carry something."""
        return tuple(dict.fromkeys(residue.chain for _, residue in self.residues))

    def notes(self) -> tuple[str, ...]:
        """Return notes to show beside the file: coverage, mismatches, sites that could not be placed.

        Without control characters, as they go to a terminal.
        """
        site_notes = () if self.match is None else self._site_notes(self.match)
        return (*self.mapping_notes(), *map(printable, site_notes))

    def mapping_notes(self) -> tuple[str, ...]:
        """Return the notes on how residues are numbered, or matched to the structure, without control characters."""
        if self.match is None:
            chain = self.chains[0]
            return (
                f"numbered as UniProt does, on chain {chain}, as AlphaFold models are (--structure FILE for another)",
            )
        return tuple(map(printable, self.match.lines()))

    def comments(self) -> tuple[str, ...]:
        """Return the provenance and notes of a file, in lines of plain text without control characters."""
        lines = (
            f"attlas: attention received by each residue of {self.name_protein()}",
            f"value: share of the largest in layer {self.protein.layer} (from 0), the layer of convergence,"
            " what a model attends to, no claim of function",
            *self.provenance_lines(),
            *self.notes(),
            *(
                f"site {site.name}, rank {site.rank}: {INITIATOR}"
                for site in self.sites
                if site.is_initiator_methionine
            ),
        )
        return tuple(map(printable, lines))

    def name_protein(self) -> str:
        """Return the accession, with the entry name and the description where the protein has them."""
        names = ", ".join(filter(None, (self.protein.entry_name, self.protein.description)))
        return self.protein.accession + (f" ({names})" if names else "")

    def provenance_lines(self) -> Iterator[str]:
        """Yield the lines that name the sequence of the numbers, and the run that computed them."""
        yield f"sequence: {self.protein.length} residues, MD5 {self.protein.md5}"
        yield from (f"{name}: {value}" for name, value in self.provenance.items())

    def script_comments(self) -> tuple[str, ...]:
        """Return `comments` for a script."""
        return tuple(map(encode_for_script, self.comments()))

    def _site_notes(self, match: StructureMatch) -> Iterator[str]:
        if not self.sites:
            yield f"{match.accession} has no high-attention sites: {self.protein.sites_note}"
            return

        placed_positions = {site.position for site, _ in self.site_residues()}
        n_placed = f"{len(placed_positions)} of {len(self.sites)} high-attention sites"
        yield f"{n_placed} of {match.accession} are on {match.file.name}"

        for site in self.sites:
            reasons = ", ".join(_absence(site.position, match.chains))
            if reasons:
                yield f"site {site.name}, rank {site.rank}: {reasons}"


def encode_for_script(line: str) -> str:
    """Return a line for a comment in a script: what could end the comment is percent-encoded.

    PyMOL runs what follows a `;` even in a line that begins with `#`, and joins lines at a trailing backslash.
    """
    return COMMENT_ENDS.sub(lambda match: quote(match[0], safe=""), line)


def annotate(atlas: Store, request: Request) -> Annotation:
    """Return the attention of the request's one protein on the residues of its structure, or of a model's chain.

    Raises:
        QuestionError: the protein was not computed, or has no layer of convergence.
        InputError: the structure cannot be read, or is not of this protein.
        BrokenAtlasError: a site's letter is not the sequence's.
    """
    accession = (request.accessions or ("",))[0]
    (answer,) = (
        answer
        for answer in answer_id(atlas, accession)
        if isinstance(answer, Answer) and answer.protein.accession == accession
    )
    protein, sequence = answer.protein, answer.protein.sequence
    if answer.profile is None or sequence is None:
        raise QuestionError(f"There is nothing to put onto a structure for {accession}.", found=_why(protein))

    _check_letters(protein, sequence, answer.sites)

    match = None
    if request.structure is not None:
        file = read_structure(request.structure)
        match = match_structure(file, accession, sequence, chain=request.chain)
        residues = tuple((p.position, p.residue) for chain in match.chains for p in chain.same)
    else:
        residues = tuple(_model_residues(sequence, request.chain or MODEL_CHAIN))

    # Shares of the largest value, so that structures of different proteins share one scale.
    top = max(answer.profile)
    shares = tuple(value / top for value in answer.profile)
    return Annotation(protein, shares, answer.sites, residues, match, provenance_values(atlas.manifest))


def _why(protein: ProteinRow) -> str:
    if protein.status != "ok":
        return f"not computed, {protein.status}: {protein.reason}"
    return f"no layer of convergence: {protein.sites_note}"


def _check_letters(protein: ProteinRow, sequence: str, sites: tuple[SiteRow, ...]) -> None:
    for site in sites:
        at = site.position
        letter = sequence[at - 1] if 1 <= at <= protein.length else None
        if letter != site.residue:
            as_said = f"{letter}{at}, as its sequence has it"
            raise BrokenAtlasError(
                f"A site of {protein.accession} is not on its residue.",
                expected=as_said if letter else f"a position of 1 to {protein.length}",
                found=f"{site.residue}{at} in the table of sites",
                hint="see `attlas verify`; an atlas whose positions are shifted is not to be used",
            )


def _model_residues(sequence: str, chain: str) -> Iterator[tuple[int, Residue]]:
    for position, letter in enumerate(sequence, start=1):
        yield position, Residue(chain, position, "", (COMPONENTS.get(letter, "UNK"),))


def _absence(position: int, chains: tuple[ChainMatch, ...]) -> Iterator[str]:
    """Yield for each chain the reason why it lacks a position, or one line if no chain has it."""
    is_anywhere = False
    for chain in chains:
        residues = [placed for placed in (*chain.placed, *chain.trimmed) if placed.position == position]
        if any(placed.is_same and placed in chain.placed for placed in residues):
            is_anywhere = True
        elif residues:
            yield f"{residues[0].residue} in its place"
            is_anywhere = True
        elif position in chain.unresolved:
            yield f"no coordinates on chain {chain.chain}"
            is_anywhere = True

    if not is_anywhere:
        yield "outside the structure"
