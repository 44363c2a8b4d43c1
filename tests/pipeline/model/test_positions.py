"""The residues that the positions of a model reach, read from its configuration."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from helpers.architectures import SIZES, save_random_model
from helpers.default_cases import each_nth_by_default

from attlas.pipeline.model.files import find_model, find_shape

N_POSITIONS = 40

LEARNED = (
    transformers.RobertaConfig,
    transformers.XLMRobertaXLConfig,
    transformers.RobertaPreLayerNormConfig,
    transformers.Data2VecTextConfig,
    transformers.MPNetConfig,
)


def run(model: torch.nn.Module, n_residues: int) -> None:
    with torch.inference_mode():
        model(input_ids=torch.full((1, n_residues + 2), 7))


@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("config_class", each_nth_by_default(LEARNED, 3))
def test_a_model_runs_at_its_limit_and_not_one_residue_beyond(
    config_class: type[transformers.PretrainedConfig], padding: int, tmp_path: Path
) -> None:
    sizes = {**SIZES, "max_position_embeddings": N_POSITIONS, "num_hidden_layers": 1}
    save_random_model(config_class(**sizes, pad_token_id=padding), tmp_path)
    limit = find_model(str(tmp_path)).shape.max_residues
    assert limit is not None

    model = transformers.AutoModel.from_pretrained(tmp_path).eval()
    run(model, limit)
    with pytest.raises((IndexError, RuntimeError), match=r"out of (range|bounds)"):
        run(model, limit + 1)


def find_limit(directory: Path, **settings: object) -> int | None:
    config = {**SIZES, "max_position_embeddings": N_POSITIONS, **settings}
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "model.safetensors").touch()  # never read
    return find_shape(str(directory)).max_residues


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"model_type": "roberta"}, N_POSITIONS - 4),  # the class's own padding index, 1
        ({"model_type": "xmod"}, N_POSITIONS - 4),
        ({"model_type": "luke"}, N_POSITIONS - 4),
        ({"model_type": "roberta", "pad_token_id": None}, N_POSITIONS - 3),
        ({"model_type": "esm", "position_embedding_type": "absolute"}, N_POSITIONS - 3),
        ({"model_type": "bert"}, N_POSITIONS - 2),
    ],
)
def test_the_limit_of_learned_positions_is_that_of_the_class_where_the_file_names_no_padding(
    settings: dict[str, object], limit: int, tmp_path: Path
) -> None:
    assert find_limit(tmp_path, **settings) == limit


@pytest.mark.parametrize(
    "settings",
    [
        {"model_type": "nomic_bert"},
        {"model_type": "gemma3_text"},
        {"model_type": "gte", "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}},
        {"model_type": "llama", "rope_theta": 1e4},
    ],
)
def test_rotary_positions_have_no_limit(settings: dict[str, object], tmp_path: Path) -> None:
    assert find_limit(tmp_path, **settings) is None
