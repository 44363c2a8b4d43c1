"""Real weights of other families than ESM-2: AntiBERTy (BERT) and Sapiens (RoBERTa of fairseq), on antibodies."""

import argparse
import importlib.util
import pickle
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import transformers
from Bio import SeqIO
from helpers.architectures import load
from helpers.building import assert_whole, build_here
from helpers.command_line import Run
from helpers.fairseq_roberta import attend_by_fairseq

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ANTIBODIES = ROOT / "examples" / "antibodies.fasta"
with ANTIBODIES.open() as file:
    SEQUENCES = [str(record.seq) for record in SeqIO.parse(file, "fasta")]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return the script that fetches the models."""
    spec = importlib.util.spec_from_file_location("fetch_antibody_model", ROOT / "examples" / "fetch_antibody_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def antiberty(script: ModuleType) -> Path:
    return script.fetch("antiberty", script.CACHE / "antiberty")


def received_of(attention: np.ndarray) -> np.ndarray:
    """Return the mean over heads of the column sums between residues, (N,), of a map (H, T, T)."""
    return attention[:, 1:-1, 1:-1].sum(1).mean(0)


@pytest.mark.thorough
def test_antiberty_attends_as_bert_in_float64_on_letters_apart(antiberty: Path) -> None:
    tokens = (antiberty / "vocab.txt").read_text().split()
    model = transformers.AutoModel.from_pretrained(antiberty, attn_implementation="eager", dtype=torch.float64).eval()

    for sequence, answer in zip(SEQUENCES, load(antiberty).encode(SEQUENCES), strict=True):
        ids = [tokens.index(token) for token in ["[CLS]", *sequence, "[SEP]"]]
        with torch.inference_mode():
            layers = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
        expected = np.stack([received_of(layer[0].numpy()) for layer in layers])
        assert answer.received == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "chain"), [("sapiens-heavy", "vh"), ("sapiens-light", "vl")])
def test_sapiens_attends_as_the_weights_of_its_checkpoint_say(
    script: ModuleType, tmp_path: Path, name: str, chain: str
) -> None:
    directory = script.fetch(name, script.CACHE / name)
    model = script.MODELS[name]
    with zipfile.ZipFile(script.pip_download(model.requirement, tmp_path, digest=model.sha256)) as archive:
        letters = [line.split()[0] for line in archive.read("sapiens/models/v1/dict.txt").decode().splitlines()]
        path = archive.extract(f"sapiens/models/v1/checkpoint_{chain}.pt", tmp_path)
    with torch.serialization.safe_globals([argparse.Namespace]):
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    weights = {name: tensor.double().numpy() for name, tensor in checkpoint["model"].items()}

    for sequence, answer in zip(SEQUENCES, load(directory).encode(SEQUENCES), strict=True):
        ids = [0, *(4 + letters.index(letter) for letter in sequence), 2]
        maps = attend_by_fairseq(weights, ids, n_heads=checkpoint["args"].encoder_attention_heads)
        assert answer.received == pytest.approx(np.stack([received_of(layer) for layer in maps]), rel=1e-4, abs=1e-5)


def test_a_checkpoint_with_anything_else_inside_is_not_read(script: ModuleType, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as archive:
        archive.writestr("sapiens/models/v1/dict.txt", "A 1\n")
        with archive.open("sapiens/models/v1/checkpoint_vh.pt", "w") as file:
            torch.save({"args": argparse.Namespace(), "model": {}, "more": Path("x")}, file)
    with (
        zipfile.ZipFile(tmp_path / "package.whl") as archive,
        pytest.raises(pickle.UnpicklingError, match="Unsupported global: GLOBAL pathlib"),
    ):
        script.write_sapiens(archive, tmp_path, chain="vh")


@pytest.mark.thorough
def test_an_atlas_of_antibodies_is_built_looked_up_exported_and_probed(
    antiberty: Path, tmp_path: Path, attlas: Run
) -> None:
    atlas = tmp_path / "atlas"
    build_here(ANTIBODIES, atlas, antiberty)
    assert_whole(atlas)

    card = attlas("show", atlas, "P01764").out
    assert "Immunoglobulin heavy variable 3-23" in card
    assert "antiberty" in card
    assert attlas("export", atlas, "gff3").out.count("P01764\t") >= 1
    assert attlas("probe", atlas, "--workers", 0).code == 0
    assert "aa:C" in attlas("ask", atlas, "best_heads", "labels=aa:C").out


@pytest.mark.thorough
def test_a_letter_that_antiberty_never_saw_is_read_as_its_unknown_token(antiberty: Path) -> None:
    vocabulary = load(antiberty).vocabulary
    assert vocabulary.mapping == "B as [UNK], J as [UNK], O as [UNK], U as [UNK], X as [UNK], Z as [UNK]"
