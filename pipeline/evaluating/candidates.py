"""Candidate sites: the residues of proteins without a label that the chosen predictor ranks first, as a table.

What is told is conditional: given that the protein has such a site. Proteins without one are not among those that the
predictor was fitted on, and whether a protein has one is not predicted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.intake.text import counted
from attlas.pipeline.adding import add_files
from attlas.pipeline.annotate.types import type_word
from attlas.pipeline.evaluating.calibration import make_probability
from attlas.pipeline.evaluating.card import make_card
from attlas.pipeline.evaluating.choosing import ChosenPredictor, choose_predictor
from attlas.pipeline.evaluating.columns import ProteinColumns, compute_columns
from attlas.pipeline.evaluating.evaluation import LabelledAtlas, Say
from attlas.pipeline.evaluating.groups import Groups, refuse_few_groups
from attlas.pipeline.evaluating.homology import transfer
from attlas.pipeline.evaluating.others import OtherProteins, list_other_proteins
from attlas.pipeline.evaluating.predictors import EMBEDDING, HEADS, HOMOLOGY, LETTER, PROFILE, SITES, WINDOW
from attlas.pipeline.evaluating.scoring import LabelledSet
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.relatives.clusters import FAMILY_IDENTITY, cluster, describe_method, is_alike
from attlas.pipeline.relatives.hits import HomologyHit, find_hits, find_hits_to
from attlas.pipeline.sealed import hold_sealed
from attlas.schema import CANDIDATE_SITES, AtlasPaths, Computation, Manifest, TableFile
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import publishing

CHUNK_PROTEINS = 200
"""Proteins whose columns are held at once."""
LEAST_EVIDENCE = 0.5
"""Log odds that a kind of columns adds from which on it is named as evidence."""
EVIDENCE = {
    LETTER: "letter",
    WINDOW: "letters around",
    HOMOLOGY: "homology",
    EMBEDDING: "embedding",
    SITES: "high-attention site",
    PROFILE: "attention received",
    HEADS: "attention of heads",
}
"""The kinds of columns in words."""


@dataclass(frozen=True)
class AddedCandidates:
    """The candidate sites of an atlas after they were predicted."""

    others: OtherProteins
    n_rows: int
    choice: ChosenPredictor
    card: dict[str, Any]
    """The model card, as what `json` writes."""


def add_candidates(
    atlas: LabelledAtlas, *, type: str, n_first: int, seed: int = 0, n_threads: int = 1, say: Say = lambda _: None
) -> AddedCandidates:
    """Fit on the labelled proteins of an atlas, rank residues of the others, and add the table `candidate_sites`.

    Args:
        atlas: the atlas with the truth.
        type: what the labels are called, such as `Active site`, in any spelling of UniProt's.
        n_first: residues of each protein that are kept, besides those that homology gives.
        seed: of folds and draws.
        n_threads: threads of torch.
        say: is told how far the work is.

    Raises:
        InputError: there are too few families to hold some out.
        PlanError, BrokenAtlasError: as `hold_sealed`, before any work.
        EnvironmentFault: as `compute_columns`.
    """
    # The lock is held from the beginning: what hinders a write is told before any work.
    with hold_sealed(atlas.root) as (paths, _, _):
        type = type_word(type)
        others = list_other_proteins(paths, atlas, type=type)
        labelled = _label(atlas, n_threads, say)
        say("choosing the predictor on families held out")
        choice = choose_predictor(labelled, seed=seed, say=say)

        rows: list[dict[str, Any]] = []
        for begin in range(0, len(others.proteins), CHUNK_PROTEINS):
            chunk = others.proteins[begin : begin + CHUNK_PROTEINS]
            rows += rank_residues(atlas.root, labelled, choice, chunk, type=type, n_first=n_first, n_threads=n_threads)
            say(f"{len({row['accession'] for row in rows}):,} of {counted(len(others.proteins), 'protein')}")
        settings = {
            "type": type,
            "truth": atlas.truth.sha256,
            "predictor": choice.predictor.name,
            "slope": choice.calibration.slope,
            "first": n_first,
            "seed": seed,
        }
        publish_candidates(paths, rows, settings)

    card = make_card(atlas, labelled, choice, others, type=type, seed=seed)
    return AddedCandidates(others, len(rows), choice, card)


def rank_residues(
    root: Path,
    labelled: LabelledSet,
    choice: ChosenPredictor,
    proteins: Sequence[LabelledProtein],
    *,
    type: str,
    n_first: int,
    n_threads: int = 1,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the first residues of each protein and of all that homology gives, by falling log odds."""
    columns = compute_columns(root, proteins, n_threads=n_threads)
    hits = find_hits_to([protein.sequence for protein in proteins], [protein.sequence for protein in labelled.proteins])
    for protein, own_columns, own_hits in zip(proteins, columns, hits, strict=True):
        yield from _rank_protein(protein, own_columns, own_hits, labelled, choice, type, n_first)


def _label(atlas: LabelledAtlas, n_threads: int, say: Say) -> LabelledSet:
    """Return the labelled proteins with their columns, hits and families."""
    proteins = atlas.truth.proteins
    say(f"aligning {counted(len(proteins), 'protein')}")
    hits = find_hits([protein.sequence for protein in proteins])
    families = cluster(hits, [protein.accession for protein in proteins], identity=FAMILY_IDENTITY)
    refuse_few_groups(Groups("40 % clusters", describe_method(FAMILY_IDENTITY), tuple(families)))
    say(f"running the model on {counted(len(proteins), 'protein')}")
    columns = compute_columns(atlas.root, proteins, n_threads=n_threads)
    return LabelledSet(proteins, tuple(columns), tuple(map(tuple, hits)), tuple(families))


def _rank_protein(
    protein: LabelledProtein,
    columns: ProteinColumns,
    hits: Sequence[HomologyHit],
    labelled: LabelledSet,
    choice: ChosenPredictor,
    type: str,
    n_first: int,
) -> Iterator[dict[str, Any]]:
    # Its place among the labelled proteins, for `transfer`, is after the last of them.
    homology = transfer(len(labelled), (*labelled.proteins, protein), hits, lambda _: True)
    blocks = {name: columns.block(name, protein.sequence, homology) for name in choice.predictor.blocks}
    odds = choice.model.score(np.concatenate(list(blocks.values()), axis=1))
    added = _split_odds(blocks, choice)

    probability = make_probability(choice.line.apply(odds))
    nearest = max((hit for hit in hits if is_alike(hit, 0)), key=lambda hit: hit.alignment.identity, default=None)
    for rank, place in enumerate(np.argsort(-odds, kind="stable"), start=1):
        if rank > n_first and not homology[place, 0]:
            continue
        by_kind = sorted(((part[place], name) for name, part in added.items()), reverse=True)
        yield {
            "accession": protein.accession,
            "sequence_id": protein.sequence_id,
            "type": type,
            "position": int(place) + 1,
            "residue": protein.sequence[place],
            "rank": rank,
            "probability": float(probability[place]) if choice.is_probability else None,
            "score": float(odds[place]),
            "evidence": "; ".join(f"{EVIDENCE[name]} {odd:+.1f}" for odd, name in by_kind if odd >= LEAST_EVIDENCE),
            "homolog": labelled.proteins[hits[0].protein].accession if homology[place, 0] else None,
            "identity": None if nearest is None else nearest.alignment.identity,
            "nearest": None if nearest is None else labelled.proteins[nearest.protein].accession,
            "nearest_sites": None if nearest is None else _list_sites(labelled.proteins[nearest.protein]),
        }


def _list_sites(protein: LabelledProtein) -> str:
    """Return the labelled residues of a protein, such as `H57;D102`."""
    return ";".join(f"{protein.sequence[position - 1]}{position}" for position in protein.positions)


def _split_odds(blocks: dict[str, NDArray[np.float32]], choice: ChosenPredictor) -> dict[str, NDArray[np.float64]]:
    """Return the contribution of each kind of columns to the log odds of an average fitted residue, (N,) by kind."""
    columns = np.concatenate(list(blocks.values()), axis=1)
    parts = {}
    begin = 0
    for name, block in blocks.items():
        end = begin + block.shape[1]
        parts[name] = choice.model.find_contribution(columns, slice(begin, end))
        begin = end
    return parts


def publish_candidates(paths: AtlasPaths, rows: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> None:
    """Write the rows of one type as a file of the table, in place of an earlier one of the type.

    Files of other types stay. One of no type, without rows, is of an earlier version, and is replaced.
    """
    manifest = Manifest.read(paths)
    inputs = digest_inputs(manifest, CANDIDATE_SITES)
    computation = Computation(settings, dict(inputs))
    table = pa.Table.from_pylist(list(rows), schema=CANDIDATE_SITES.schema(manifest.run.n_layers))

    path = paths.added(CANDIDATE_SITES, f"candidates-{digest([manifest.atlas_id, dict(settings), inputs, len(rows)])}")
    metadata = {**provenance(manifest.run, manifest.atlas_id), **computation.metadata(CANDIDATE_SITES)}
    with publishing(path) as beside:
        write_table(beside, table=CANDIDATE_SITES, rows=table, metadata=metadata)
    entry = describe_file(paths, path, CANDIDATE_SITES)
    files = manifest.of_table(CANDIDATE_SITES)
    replaced = {file.path for file in files if _read_types(paths, file) <= {settings["type"].casefold()}}
    add_files(paths, [entry], is_replaced=lambda file: file.path in replaced)


def _read_types(paths: AtlasPaths, file: TableFile) -> set[str]:
    """Return the type of a file of candidate sites, in small letters.

    It is in the settings, which those of earlier versions lack: then it is that of the rows.
    """
    with pq.ParquetFile(paths.root / file.path) as parquet:
        settings = Computation.parse(CANDIDATE_SITES, parquet.schema_arrow.metadata).settings
        types = [settings["type"]] if "type" in settings else parquet.read(["type"])["type"].to_pylist()
        return {name.casefold() for name in types}
