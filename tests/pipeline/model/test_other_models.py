"""Atlases of models that are not like ESM-2: built from the examples, looked up, exported and probed."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.architectures import LETTERS, load
from helpers.building import assert_whole, build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.example_proteins import read_sequences
from helpers.saved_models import save_model
from helpers.sealed_atlas import list_files, read_manifest, read_rows
from helpers.verdicts import load_reference, reference_maps, tokenize

from attlas.pipeline.contacts.single_heads import ReduceToHeadContacts, measure_head
from attlas.pipeline.contacts.structure_contacts import find_contacts
from attlas.pipeline.model.architectures import HOOKED, choose_attention
from attlas.pipeline.model.files import find_model

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
CALMODULIN = "P0DP23"


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "attention"), [("T5", "tiled"), ("XLNet", HOOKED)])
def test_an_atlas_of_the_examples_is_built_looked_up_exported_and_probed(
    name: str, attention: str, tmp_path: Path, attlas: Run
) -> None:
    model, out = save_model(name, tmp_path / "model"), tmp_path / "atlas"
    options = ("--model", model, "--device", "cpu", "--workers", 0)
    assert attlas("build", EXAMPLES / "proteins.fasta", "--out", out, *options).code == 0
    assert assert_whole(out).run.attention == attention

    (card,) = json.loads(attlas("show", out, "--json", CALMODULIN).out)
    assert card["protein"]["accession"] == CALMODULIN
    exported = attlas("export", out, "jsonl", CALMODULIN).out
    assert json.loads(exported.splitlines()[0])["accession"] == CALMODULIN

    assert attlas("annotate", out, EXAMPLES / "features.tsv").code == 0
    assert attlas("probe", out, "--workers", 0).code == 0
    assert {file.table for file in read_manifest(out).files} >= {"features", "head_features"}
    assert_probed_as_eager(out, model)


def assert_probed_as_eager(out: Path, model: Path) -> None:
    """Hold the attention that the features of a type receive to the model's own eager attention in float64."""
    (row,) = [
        row
        for row in read_rows(out, "head_features")
        if (row["accession"], row["label"], row["layer"], row["head"]) == ("P04189", "Active site", 2, 1)
    ]
    sequence = read_sequences(EXAMPLES / "proteins.fasta")["P04189"]
    maps = reference_maps(load_reference(model), tokenize(model, sequence), len(sequence))
    expected = maps[2][1, 1:-1, [138, 170, 327]].sum()
    assert row["mass"] == pytest.approx(expected, rel=1e-4)


def test_without_a_begin_token_its_share_is_0_and_the_other_shares_are_the_models(tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    source = write_fasta(tmp_path / "a.fasta", random_proteins([30, 40]))
    build_here(source, out, save_model("T5", tmp_path / "model"))
    heads = pq.read_table(list_files(out, "heads")[0])
    assert set(heads["cls_share"].to_pylist()) == {0.0}
    assert min(heads["eos_share"].to_pylist()) > 0


def test_sequences_in_a_pack_of_a_t5_do_not_change_each_other(tmp_path: Path) -> None:
    encoder = load(save_model("T5", tmp_path))
    sequences = [LETTERS, "MK", LETTERS[::-1] * 4]
    for sequence, together in zip(sequences, encoder.encode(sequences), strict=True):
        (alone,) = encoder.encode([sequence])
        np.testing.assert_allclose(together.received, alone.received, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(together.heads, alone.heads, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["DeBERTa-v2", "T5", "ModernBERT"])
def test_single_heads_are_compared_with_structures_by_the_models_own_maps(name: str, tmp_path: Path) -> None:
    model = save_model(name, tmp_path)
    encoder = load(model, attention=choose_attention(find_model(str(model)).shape.architecture, "cpu"))
    sequence = LETTERS * 2
    chain = find_contacts(np.random.default_rng(1).normal(scale=6, size=(len(sequence), 3)))

    forward = encoder.start([sequence], reduce=ReduceToHeadContacts((chain,)), theta=0.1)
    computed = forward.stack_results()[1][:, 0]
    maps = reference_maps(load_reference(model), tokenize(model, sequence), len(sequence))
    expected = [
        [measure_head(head[1:-1, 1:-1].astype(np.float32), [chain], theta=0.1)[0] for head in layer] for layer in maps
    ]
    np.testing.assert_allclose(computed, np.array(expected), rtol=1e-4, atol=1e-4)
