"""Atlases of models that are not like ESM-2: built from the examples, looked up, exported and probed."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from helpers.architectures import ARCHITECTURES, LETTERS, load
from helpers.building import assert_whole, build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.verdicts import load_reference, reference_maps, tokenize

from attlas.pipeline.contacts.single_heads import ReduceToHeadContacts, measure_head
from attlas.pipeline.contacts.structure_contacts import find_contacts
from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.encoder.attention_maps import MapReader, taking_maps
from attlas.pipeline.model.architectures import HOOKED, MAP_COPIES, WHOLE_MAPS, choose_attention
from attlas.pipeline.model.files import find_model
from attlas.pipeline.model.precision import SPLIT
from attlas.pipeline.proteins.proteome import read_proteome
from attlas.schema import FEATURES, HEAD_FEATURES, HEADS, AtlasPaths, EnvironmentFault, Manifest
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
CALMODULIN = "P0DP23"


def save(name: str, directory: Path) -> Path:
    return next(architecture for architecture in ARCHITECTURES if architecture.name == name).save(directory)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "attention"), [("T5", "tiled"), ("XLNet", HOOKED)])
def test_an_atlas_of_the_examples_is_built_looked_up_exported_and_probed(
    name: str, attention: str, tmp_path: Path, attlas: Run
) -> None:
    model, out = save(name, tmp_path / "model"), tmp_path / "atlas"
    options = ("--model", model, "--device", "cpu", "--workers", 0)
    assert attlas("build", EXAMPLES / "proteins.fasta", "--out", out, *options).code == 0
    assert assert_whole(out).run.attention == attention

    (card,) = json.loads(attlas("show", out, "--json", CALMODULIN).out)
    assert card["protein"]["accession"] == CALMODULIN
    exported = attlas("export", out, "jsonl", CALMODULIN).out
    assert json.loads(exported.splitlines()[0])["accession"] == CALMODULIN

    assert attlas("annotate", out, EXAMPLES / "features.tsv").code == 0
    assert attlas("probe", out, "--workers", 0).code == 0
    assert {file.table for file in Manifest.read(AtlasPaths(out)).files} >= {FEATURES.name, HEAD_FEATURES.name}
    assert_probed_as_eager(out, model)


def assert_probed_as_eager(out: Path, model: Path) -> None:
    """Hold the attention that the features of a type receive to the model's own eager attention in float64."""
    paths = AtlasPaths(out)
    tables = Manifest.read(paths)
    (row,) = [
        row
        for file in tables.of_table(HEAD_FEATURES)
        for row in pq.read_table(paths.root / file.path).to_pylist()
        if (row["accession"], row["label"], row["layer"], row["head"]) == ("P04189", "Active site", 2, 1)
    ]
    sequences = {
        protein.accession: protein.sequence for protein in read_proteome(str(EXAMPLES / "proteins.fasta")).proteins
    }
    sequence = sequences["P04189"]
    maps = reference_maps(load_reference(model), tokenize(model, sequence), len(sequence))
    expected = maps[2][1, 1:-1, [138, 170, 327]].sum()
    assert row["mass"] == pytest.approx(expected, rel=1e-4)


def test_without_a_begin_token_its_share_is_0_and_the_other_shares_are_the_models(tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    source = write_fasta(tmp_path / "a.fasta", random_proteins([30, 40]))
    build_here(source, out, save("T5", tmp_path / "model"))
    heads = pq.read_table(AtlasPaths(out).shard(HEADS, 1))
    assert set(heads["cls_share"].to_pylist()) == {0.0}
    assert min(heads["eos_share"].to_pylist()) > 0


def test_every_model_that_passes_the_interface_is_planned_for_the_kernels_of_a_gpu(tmp_path: Path) -> None:
    source = write_fasta(tmp_path / "a.fasta", random_proteins([30]))
    models = {name: save(name, tmp_path / name) for name in ("BERT without a begin token", "T5", "XLNet")}
    runs = {
        (name, device): draft_plan(str(source), Options(str(model), device=device))[1].run
        for name, model in models.items()
        for device in ("cpu", "cuda")
    }
    assert {key: (run.attention, run.products) for key, run in runs.items()} == {
        ("BERT without a begin token", "cpu"): ("tiled", PLAIN),
        ("BERT without a begin token", "cuda"): ("triton", SPLIT),
        ("T5", "cpu"): ("tiled", PLAIN),
        ("T5", "cuda"): ("triton", SPLIT),
        ("XLNet", "cpu"): (HOOKED, PLAIN),
        ("XLNet", "cuda"): (HOOKED, PLAIN),
    }
    assert choose_attention("bert", "cuda", head_dim=192) == WHOLE_MAPS


def test_sequences_in_a_pack_of_a_t5_do_not_change_each_other(tmp_path: Path) -> None:
    encoder = load(save("T5", tmp_path))
    sequences = [LETTERS, "MK", LETTERS[::-1] * 4]
    for sequence, together in zip(sequences, encoder.encode(sequences), strict=True):
        (alone,) = encoder.encode([sequence])
        np.testing.assert_allclose(together.received, alone.received, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(together.heads, alone.heads, rtol=1e-4, atol=1e-5)


def test_a_hook_drops_every_map_and_does_nothing_outside_of_a_pass(tmp_path: Path) -> None:
    encoder = load(save("MegatronBERT", tmp_path), attention=HOOKED)
    tokens = torch.from_numpy(encoder.vocabulary.token_ids(LETTERS))[None]
    shapes: list[tuple[int, ...]] = []

    with torch.inference_mode(), taking_maps(lambda attention: shapes.append(tuple(attention.shape))):
        dropped = encoder.model(input_ids=tokens, output_attentions=True)
    with torch.inference_mode():
        kept = encoder.model(input_ids=tokens, output_attentions=True)

    assert shapes == [(1, 4, 22, 22)] * 3
    assert [layer.numel() for layer in dropped.attentions] == [0, 0, 0]
    assert [tuple(layer.shape) for layer in kept.attentions] == shapes
    assert torch.equal(kept.last_hidden_state, dropped.last_hidden_state)


def test_the_memory_of_whole_maps_is_foretold_and_every_sequence_runs_alone(tmp_path: Path) -> None:
    source = write_fasta(tmp_path / "a.fasta", random_proteins([300, 400]))
    plans = {
        name: draft_plan(str(source), Options(str(save(name, tmp_path / name)), device="cpu"))[1]
        for name in ("MegatronBERT", "BERT")
    }
    largest = {name: max(shard.predicted_bytes for shard in plan.shards) for name, plan in plans.items()}
    assert largest["MegatronBERT"] - largest["BERT"] > 0.9 * MAP_COPIES * 4 * 4 * 402**2
    assert {name: (plan.run.attention, plan.pack_tokens) for name, plan in plans.items()} == {
        "MegatronBERT": (HOOKED, 1),
        "BERT": ("tiled", 1024),
    }


@pytest.mark.parametrize("name", ["DeBERTa-v2", "T5", "ModernBERT"])
def test_single_heads_are_compared_with_structures_by_the_models_own_maps(name: str, tmp_path: Path) -> None:
    model = save(name, tmp_path)
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


def test_a_map_whose_rows_do_not_sum_to_1_is_refused(tmp_path: Path) -> None:
    encoder = load(save("MegatronBERT", tmp_path), attention=HOOKED)
    attention = torch.softmax(torch.randn(1, 4, 12, 12), -1)
    reader = MapReader(encoder.vocabulary, LETTERS[:10])
    reader.read(attention, layer=1)
    with pytest.raises(EnvironmentFault, match=r"rows sum to 1(.|\n)*by 0\.1, in layer 1, .* 10 residues"):
        reader.read(attention * 0.9, layer=1)
    with pytest.raises(EnvironmentFault, match=r"maps of 11 by 11 for 12 tokens, in layer 1, .* 10 residues"):
        reader.read(attention[:, :, :11, :11], layer=1)
