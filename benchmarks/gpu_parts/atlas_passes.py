"""The passes over a sealed atlas that parts of the day run, with the table by which each is compared."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.annotate import AnnotationSource, annotate
from attlas.pipeline.contacts.adding import ContactSettings, add_contacts
from attlas.pipeline.fitting.adding import add_fits
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.interfaces.adding import InterfaceSettings, add_interfaces
from attlas.pipeline.interfaces.adding_nulls import NullSettings, add_nulls
from attlas.pipeline.links.adding import LinkSettings, add_links
from attlas.pipeline.pairs.adding import PairSettings, add_pairs
from attlas.pipeline.probe.adding import add_probe
from attlas.pipeline.proteins.proteome import Protein, read_proteome
from attlas.pipeline.vectors.adding import add_vectors
from attlas.pipeline.vectors.choice import VectorSettings
from attlas.schema import (
    CONTACTS,
    FITS,
    HEAD_FEATURES,
    LINKS,
    PAIR_HEAD_CONTACTS,
    PAIR_HEADS,
    PAIR_NULLS,
    VECTORS,
    AtlasPaths,
    Table,
)
from gpu_parts.packages import OF_ALIGNMENTS
from gpu_parts.settings import Settings

PROBE_THETA = 0.05

PAIR_FORM = "linker"
N_PAIRS = 8
SHORTEST_IN_PAIRS = 20
"""Residues of the shortest protein in a pair: among the examples are some that have fewer than a pair has contacts."""

N_CONTACTS = 6
"""Contacts of a pair that are drawn: on a device, what they are does not matter."""

VECTOR_KINDS = "mean,cls"

INTERFACE_SETTINGS = InterfaceSettings(n_heads=(1, 3), n_choosing=2, n_splits=2)
FIT_SETTINGS = FitSettings(by="none", n_folds=3)


ProteinPair = tuple[Protein, Protein]


def quietly(*_: object) -> Callable[[object], None]:
    return lambda event: None


@dataclass(frozen=True)
class AtlasPass:
    """A pass over a sealed atlas, and the table by which it is compared; None: it has no numbers."""

    name: str
    run: Callable[[Path], object]
    table: Table | None
    packages: tuple[str, ...] = ()
    """Packages without which it is left out."""


def list_passes(settings: Settings, pairs: Path) -> tuple[AtlasPass, ...]:
    """Return the passes that any atlas takes, after the features of the examples; `pairs` is a file of its pairs."""
    return (
        AtlasPass("annotate", lambda root: annotate(AtlasPaths(root), AnnotationSource(settings.features)), None),
        AtlasPass(
            "probe",
            lambda root: add_probe(
                root, theta=PROBE_THETA, types=None, is_by_letter=True, progress=quietly, n_workers=0
            ),
            HEAD_FEATURES,
        ),
        AtlasPass(
            "contacts", lambda root: add_contacts(root, ContactSettings(), progress=quietly, n_workers=0), CONTACTS
        ),
        AtlasPass("links", lambda root: add_links(root, LinkSettings(), progress=quietly, n_workers=0), LINKS),
        AtlasPass(
            "pairs",
            lambda root: add_pairs(root, pairs, PairSettings(forms=PAIR_FORM), progress=quietly, n_workers=0),
            PAIR_HEADS,
        ),
        AtlasPass(
            "embed",
            lambda root: add_vectors(root, VectorSettings(VECTOR_KINDS, "0,last"), progress=quietly, n_workers=0),
            VECTORS,
        ),
    )


def list_judging_passes(settings: Settings) -> tuple[AtlasPass, ...]:
    """Return the passes that hold the examples' pairs and features against what is known of them."""

    def judge_interfaces(root: Path) -> object:
        annotate(AtlasPaths(root), AnnotationSource(write_contacts(settings)))
        return add_interfaces(root, INTERFACE_SETTINGS, progress=quietly, n_workers=0)

    return (
        AtlasPass("interfaces", judge_interfaces, PAIR_HEAD_CONTACTS, OF_ALIGNMENTS),
        AtlasPass("binders", lambda root: add_nulls(root, NullSettings(), progress=quietly, n_workers=0), PAIR_NULLS),
        AtlasPass(
            "fit", lambda root: add_fits(root, FIT_SETTINGS, start=lambda _: quietly, n_workers=0), FITS, OF_ALIGNMENTS
        ),
    )


def list_example_pairs(settings: Settings) -> list[ProteinPair]:
    """Return pairs of the shortest examples, each with the next longer one; no protein is in two of them."""
    return pair_neighbours(read_by_length(settings.examples)[: 2 * N_PAIRS])


def list_spread_pairs(fasta: Path) -> list[ProteinPair]:
    """Return pairs of proteins of a file, evenly by length; no protein is in two of them."""
    proteins = read_by_length(fasta)
    return pair_neighbours(proteins[:: max(1, len(proteins) // (2 * N_PAIRS))][: 2 * N_PAIRS])


def read_by_length(fasta: Path) -> list[Protein]:
    """Return the proteins of a file that pairs are made of, by length."""
    proteins = sorted(read_proteome(str(fasta)).proteins, key=lambda protein: len(protein.sequence))
    return [protein for protein in proteins if len(protein.sequence) >= SHORTEST_IN_PAIRS]


def pair_neighbours(proteins: Sequence[Protein]) -> list[ProteinPair]:
    return list(zip(proteins[::2], proteins[1::2], strict=False))


def write_pairs(path: Path, pairs: Sequence[ProteinPair]) -> Path:
    """Write a file of pairs of proteins, every other one with the label of a binder, and return its path."""
    labels = ("binder", "none")
    lines = [
        f"{protein.accession}\t{partner.accession}\t{labels[number % 2]}\n"
        for number, (protein, partner) in enumerate(pairs)
    ]
    path.write_text("".join(lines))
    return path


def write_contacts(settings: Settings) -> Path:
    """Write drawn contacts of the same pairs, and return the path of the file."""
    draw = random.Random(0)
    path = settings.scratch / "contacts.tsv"
    lines = ["accession\tpartner\ti\tj\n"]
    for protein, partner in list_example_pairs(settings):
        names = f"{protein.accession}\t{partner.accession}"
        positions = draw.sample(range(1, len(protein.sequence) + 1), N_CONTACTS)
        lines += [f"{names}\t{i}\t{draw.randint(1, len(partner.sequence))}\n" for i in positions]
    path.write_text("".join(lines))
    return path
