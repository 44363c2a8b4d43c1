"""A random atlas whose sites lie near known features, in sequence and in space, and what Python makes of it."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import hypergeom

from attlas.queries import Atlas
from helpers.annotated import Point, Shown, Span, annotate, call_head_max, place
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas

N_LAYERS = 4
TYPES = ("Active site", "Binding site", "Disulfide bond")


class SiteCase:
    """A random atlas with all that went into it."""

    def __init__(self, root: Path) -> None:
        self.choose = random.Random(5)
        self.proteins = self._proteins()
        write_atlas(root, self.proteins, n_layers=N_LAYERS)
        self.sequences = {p.accession: p.sequence for p in self.proteins}
        self.atlas = Atlas.open(root)
        searched = self.atlas.sql("SELECT accession FROM proteins WHERE layer IS NOT NULL")
        self.searched = set(searched["accession"].to_pylist())
        self.sites = {a: self.atlas.sites(a)["position"].to_pylist() for a in sorted(self.searched)}
        self.spans = list(dict.fromkeys(self._spans()))
        self.shown = list(self._shown())
        self.head_max = {a: self._head_max(a) for a in sorted(self.searched)}
        self.atlas.close()
        annotate(root, self.spans)
        place(root, self.shown)
        call_head_max(root, self.head_max, self.sequences)
        self.root, self.atlas = root, Atlas.open(root)

    def ask(self, name: str, **given: object) -> list[dict]:
        return self.atlas.ask(name, **given).to_pylist()

    def carriers(self, type_: str) -> list[str]:
        """Return one accession of each searched sequence that has the feature, the first."""
        accessions: dict[str, str] = {}
        for accession in sorted({a for a, t, _, _ in self.spans if t == type_} & self.searched):
            accessions.setdefault(self.sequences[accession], accession)
        return sorted(accessions.values())

    def labelled(self, accession: str, type_: str) -> set[int]:
        spans = [(b, e) for a, t, b, e in self.spans if (a, t) == (accession, type_)]
        if type_ == "Disulfide bond":
            return {at for span in spans for at in span}
        return {at for b, e in spans for at in range(b, e + 1)}

    def received(self, accession: str) -> list[list[float]]:
        """Return the profile by layer."""
        rows = self.atlas.residues(accession)["received"].to_pylist()
        return [list(layer) for layer in zip(*rows, strict=True)]

    def structure(self, accession: str, atom: str) -> dict[int, Point]:
        """Return where the residues of a protein's sequence are, in the structure that shows most of them."""
        by_name: dict[tuple[str, str, str], dict[int, Point]] = {}
        for residue in self.shown:
            point = residue.ca if atom == "ca" else residue.cb
            if self.sequences[residue.accession] == self.sequences[accession] and point is not None:
                by_name.setdefault((residue.source, residue.chain, residue.accession), {})[residue.position] = point
        return min(by_name.items(), key=lambda item: (-len(item[1]), item[0]))[1] if by_name else {}

    def _proteins(self) -> list[SyntheticProtein]:
        """Fifty random proteins, eight of them under two accessions, some without a site, one too short for a fit."""
        draw = self.choose
        sequences = ["".join(draw.choices(AMINO_ACIDS[:9], k=draw.randint(25, 90))) for _ in range(50)]
        proteins = [SyntheticProtein(f"R{i:03d}", s, n_sites=draw.randint(0, 6)) for i, s in enumerate(sequences)]
        proteins += [SyntheticProtein(f"T{i:03d}", p.sequence, n_sites=p.n_sites) for i, p in enumerate(proteins[:8])]
        return [*proteins, SyntheticProtein("Z1", "MKCDE"), SyntheticProtein("Z2", "MKWF" * 5, status="failed")]

    def _spans(self) -> Iterable[Span]:
        """Features, more often than not at a site; second accessions carry none, the same, or others."""
        draw = self.choose
        for protein in self.proteins:
            n, sites = len(protein.sequence), self.sites.get(protein.accession, [])
            for type_ in draw.sample(TYPES, draw.randint(0, 3)):
                for _ in range(draw.randint(1, 3)):
                    begin = draw.choice(sites) if sites and draw.random() < 0.3 else draw.randint(1, n)
                    end = begin if type_ == "Active site" else min(begin + draw.randint(0, 5), n)
                    yield protein.accession, type_, begin, end

    def _shown(self) -> Iterable[Shown]:
        """Structures of two proteins in three, some under the other accession, some two, with gaps."""
        draw = self.choose
        for protein in self.proteins:
            for source, chain in draw.sample([("a.cif", "A"), ("a.cif", "B"), ("b.pdb", "A")], draw.randint(0, 2)):
                for at, letter in enumerate(protein.sequence, start=1):
                    ca, cb = (self._point(), self._point())
                    if draw.random() < 0.8:
                        beta = ca if letter == "G" else cb if draw.random() < 0.9 else None
                        yield Shown(protein.accession, source, chain, at, letter, ca, beta)

    def _point(self) -> Point:
        x, y, z = (float(np.float32(self.choose.uniform(0, 25))) for _ in "xyz")
        return x, y, z

    def _head_max(self, accession: str) -> list[int]:
        n = len(self.sequences[accession])
        draw = random.Random(self.sequences[accession])  # one answer for each sequence
        return draw.sample(range(1, n + 1), draw.randint(0, 5))


@dataclass(frozen=True)
class Part:
    """What the sites of one protein hit, and what as many residues drawn from it would."""

    accession: str
    n_sites: int
    n_hits: float
    n_near: int
    n_all: int

    @property
    def expected(self) -> float:
        return self.n_sites * self.n_near / self.n_all

    @property
    def variance(self) -> float:
        return hypergeometric_variance(self.n_all, self.n_near, self.n_sites)


def within_k(positions: Iterable[int], k: int, n: int) -> set[int]:
    """Return the positions of a sequence of `n` at most `k` away."""
    return {at for at in range(1, n + 1) if any(abs(at - p) <= k for p in positions)}


def matched_hits(positions: Iterable[int], near: set[int], letters: dict[int, str]) -> float:
    """Return the mean hits of residues of the same letters, of those that `letters` names by position."""
    counts = Counter(letters.values())
    hits = Counter(letters[at] for at in near)
    return sum(hits[letters[at]] / counts[letters[at]] for at in positions)


def matched_variance(positions: Iterable[int], near: set[int], letters: dict[int, str]) -> float:
    """Return the variance of these hits: a hypergeometric one for each letter."""
    counts, hits = Counter(letters.values()), Counter(letters[at] for at in near)
    drawn = Counter(letters[at] for at in positions)
    return sum(hypergeometric_variance(counts[x], hits[x], n) for x, n in drawn.items())


def hypergeometric_variance(n_all: int, n_marked: int, n_drawn: int) -> float:
    """Return the variance, from the chances themselves."""
    values = np.arange(n_drawn + 1)
    chances = hypergeom.pmf(values, n_all, n_marked, n_drawn)
    return float((chances * values**2).sum() - (chances * values).sum() ** 2)
