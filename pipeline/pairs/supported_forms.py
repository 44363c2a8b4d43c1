"""The model that reads two joined sequences, and the forms in which it does; others are refused before it is loaded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attlas.pipeline.model.architectures import HOOKED
from attlas.pipeline.model.files import ModelShape, find_model
from attlas.pipeline.model.positions import has_rotary_positions
from attlas.pipeline.pairs.joining import FORMS, Form
from attlas.pipeline.plan import Plan
from attlas.schema import EnvironmentFault, InputError

if TYPE_CHECKING:  # a dry run does without torch
    from attlas.pipeline.encoder.encoder import Encoder

FORMS_WITH_BOTH_ENDS: tuple[Form, ...] = ("ends", "separators")
"""Forms that set the model's own begin and end tokens between the sequences."""


@dataclass(frozen=True)
class PairModel:
    """The properties of a model and its run that decide how pairs are joined, cut into shards and packed."""

    name: str
    shape: ModelShape
    is_rotary: bool
    """Whether it has rotary positions, which take a gap."""
    attention: str
    """As of `Run`."""
    device: str
    pack_tokens: int
    """As of `Plan`."""

    @classmethod
    def of_plan(cls, plan: Plan) -> "PairModel":
        """Return the model of a plan. Raises EnvironmentFault where its files are not there."""
        return cls(
            name=plan.run.model,
            shape=find_model(plan.model_directory).shape,
            is_rotary=read_is_rotary(Path(plan.model_directory)),
            attention=plan.run.attention,
            device=plan.run.device,
            pack_tokens=plan.pack_tokens,
        )


def choose_forms(text: str | None, model: PairModel) -> tuple[Form, ...]:
    """Return the forms that a text such as `gap,linker` names; None: `gap`, or `linker` where there is no gap.

    Raises:
        InputError: a form is unknown or given twice, or the model has no rotary positions for a gap.
        EnvironmentFault: the model does not read joined sequences.
    """
    _refuse_hooked(model)
    if text is None:
        return ("gap",) if model.is_rotary else ("linker",)

    names = text.replace(",", " ").split()
    forms = tuple(form for form in FORMS if form in names)
    unknown = [name for name in names if name not in FORMS]
    if unknown or len(names) != len(forms) or not forms:
        raise InputError(
            f"{text!r} names no forms of joining.",
            expected=f"forms among {', '.join(FORMS)}, each once, separated by commas",
            found=", ".join(unknown) or "none, or one twice",
        )
    if "gap" in forms and not model.is_rotary:
        raise InputError(
            f"The form `gap` needs rotary positions, which {model.name} does not have.",
            expected="--join linker, ends or separators",
            found="positions that are learned, or a bias that is read by the places of tokens",
        )
    return forms


def _refuse_hooked(model: PairModel) -> None:
    """Refuse a model that is read by its own maps, sequence by sequence. Raises EnvironmentFault."""
    if model.attention == HOOKED:
        raise EnvironmentFault(
            f"{model.name} is read by its own maps, sequence by sequence: it does not take two joined proteins.",
            expected="a model that supports attention backends, such as ESM-2",
        )


def refuse_unsupported_forms(encoder: "Encoder", forms: Sequence[Form]) -> None:
    """Refuse forms that a loaded model cannot read. Raises EnvironmentFault."""
    vocabulary, name = encoder.vocabulary, encoder.model.config.model_type
    lacking = [form for form in forms if form in FORMS_WITH_BOTH_ENDS and not vocabulary.has_both_ends]
    if lacking:
        raise EnvironmentFault(
            f"The form {lacking[0]} sets the model's own begin and end tokens between two proteins.",
            expected="a model with both",
            found=f"{name}, with {len(vocabulary.before)} before a sequence and {len(vocabulary.after)} after it",
            hint="--join linker needs none",
        )
    if "gap" in forms and not encoder.takes_positions:
        raise EnvironmentFault(
            f"The form gap gives the model its positions, which this {name} model does not take.",
            hint="--join linker needs none",
        )


def read_is_rotary(directory: Path) -> bool:
    """Return whether the model in a directory has rotary positions. Raises EnvironmentFault where it is not there."""
    return has_rotary_positions(_read_config(directory))


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"The configuration of the planned model cannot be read: {path}.",
            found=str(error),
            hint="put the planned model back",
        ) from error
    return config
