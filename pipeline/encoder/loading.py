"""A model is loaded into memory by transformers, with all weights, from the files whose digest a run records."""

import re
from collections.abc import Collection, Sequence
from typing import Any

import torch

from attlas.pipeline.encoder.interface import INTERFACE, replace_relative_bias
from attlas.pipeline.model.architectures import GLOBAL_TOKEN_HEAD, TEXT_ENCODERS
from attlas.pipeline.model.attention_support import refuse_configuration, wrong_attention
from attlas.pipeline.model.files import ModelFiles
from attlas.pipeline.model.offline import read_configuration, read_files, transformers
from attlas.schema import EnvironmentFault

EAGER = "eager"
"""Name of a model's own attention, which makes whole maps, in transformers' attention interface."""

NOT_OF_ATTENTION = ("contact_head.", "pooler.")
"""Beginnings of the names of weights that attention does not depend on; they may be missing."""


def load_model(files: ModelFiles, dtype: torch.dtype, *, is_hooked: bool = False) -> Any:
    """Load the model of these files on the CPU, in evaluation mode.

    Its attention is that of `interface`; where `is_hooked`, its own, for `attention_maps`.

    Raises:
        EnvironmentFault: the files are damaged, do not hold every weight, or hold those of more layers or of other
            sizes; or the configuration is that of a decoder, or has rotary positions that depend on the length.
    """
    model, report = _read_weights(files, dtype, is_hooked=is_hooked)
    missing = sorted(report["missing_keys"])
    _refuse_missing(files, files.shape.architecture, missing)
    _refuse_more_layers(files, model, report["unexpected_keys"])
    _refuse_other_sizes(files, report["mismatched_keys"])
    if any(name.startswith("contact_head.") for name in missing):
        model.contact_head = None  # a head of random weights must not predict contacts

    refuse_configuration(model.config)
    if is_hooked and model.config._attn_implementation != EAGER:
        raise _no_encoder(model.config.model_type, "a model that does not run its own eager attention")
    if not is_hooked:
        model.set_attn_implementation(INTERFACE)
        replace_relative_bias(model)
    if has_global_token(model.config):
        model.register_forward_pre_hook(_add_global_mask, with_kwargs=True)
    return model.eval()


def has_global_token(config: Any) -> bool:
    """Return whether the first token of a model attends to all tokens, and all attend to it, beside their windows."""
    return GLOBAL_TOKEN_HEAD in (config.architectures or ())


def _add_global_mask(_: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Tell Longformer which token is global, as the class with the head of its weights would."""
    mask = torch.zeros_like(keywords["input_ids"])
    mask[:, 0] = 1
    return arguments, keywords | {"global_attention_mask": mask}


def _read_weights(files: ModelFiles, dtype: torch.dtype, *, is_hooked: bool) -> tuple[Any, dict[str, Any]]:
    """Return the model, and what transformers says of the weights: missing, unexpected, or of other sizes."""
    config = read_configuration(files.directory)
    options: dict[str, Any] = {"add_pooling_layer": False} if _has_pooler(config) else {}
    # Hooks need it, and some architectures can only be told so before they are made. The configuration may name one
    # that is not installed.
    options["attn_implementation"] = EAGER if is_hooked else INTERFACE

    reader = transformers.AutoModel
    if config.model_type in TEXT_ENCODERS:
        reader = transformers.AutoModelForTextEncoding  # the encoder alone
    elif getattr(config, "is_encoder_decoder", False):
        raise _no_encoder(config.model_type, "an encoder-decoder")
    elif getattr(config, "is_decoder", False):
        raise _no_encoder(config.model_type, "is_decoder, is_causal=True: a residue attends only to those before it")

    model, report = read_files(
        reader,
        files.directory,
        what="model",
        expected="an encoder of the transformers library with its weights",
        config=config,
        dtype=dtype,
        weights_only=True,  # a pickle may run code when it is read; this reads tensors alone
        ignore_mismatched_sizes=True,  # they are refused here, by name
        output_loading_info=True,
        **options,
    )
    return model, report


def _no_encoder(architecture: str, found: str) -> EnvironmentFault:
    return wrong_attention(
        architecture,
        expected="an encoder, in which every residue attends to those before and after it",
        found=found,
        hint="use ESM-2 or another encoder of the transformers library (docs/models.md)",
    )


def _refuse_missing(files: ModelFiles, architecture: str, missing: list[str]) -> None:
    """Refuse a model that lacks a weight for its attention: transformers has filled it with random numbers."""
    needed = [name for name in missing if not name.startswith(NOT_OF_ATTENTION)]
    if needed:
        raise EnvironmentFault(
            f"The weights in {files.directory} do not fill the model: {len(needed)} are missing.",
            expected=f"the weights of a {architecture} model",
            offenders=needed,
            hint="the weights belong to another architecture, or the copy is not whole",
        )


def _refuse_other_sizes(files: ModelFiles, mismatched: Collection[Sequence[Any]]) -> None:
    """Refuse weights of other sizes than the configuration says: transformers has drawn random ones instead."""
    if mismatched:
        sizes = [f"{name} of {_format_size(size)}, not {_format_size(needed)}" for name, size, needed in mismatched]
        raise EnvironmentFault(
            f"The weights in {files.directory} are not of the sizes that config.json says.",
            expected="weights of these sizes",
            offenders=sorted(sizes),
            hint="take the configuration that belongs to these weights",
        )


def _format_size(size: Sequence[int]) -> str:
    return " x ".join(map(str, size)) or "one number"


def _refuse_more_layers(files: ModelFiles, model: Any, unexpected: Collection[str]) -> None:
    """Refuse weights of a layer that the configuration does not name: the model would be cut off there."""
    of_model = set(model.state_dict())

    def is_of_layer(name: str) -> bool:
        like_first = re.sub(r"\.\d+\.", ".0.", name, count=1)
        return like_first != name and not {like_first, like_first.partition(".")[2]}.isdisjoint(of_model)

    surplus = sorted(filter(is_of_layer, unexpected))
    if surplus:
        raise EnvironmentFault(
            f"The weights in {files.directory} have more layers than config.json says.",
            expected=f"{files.shape.n_layers} layers",
            offenders=surplus,
            hint="take the configuration that belongs to these weights",
        )


def _has_pooler(config: Any) -> bool:
    try:
        model_class = transformers.AutoModel._model_mapping[type(config)]
        return "add_pooling_layer" in model_class.__init__.__code__.co_varnames
    except (KeyError, AttributeError):
        return False
