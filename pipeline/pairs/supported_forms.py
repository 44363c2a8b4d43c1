"""The forms in which a model reads two joined sequences; others are refused by name, before a model is loaded."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attlas.pipeline.model.architectures import HOOKED
from attlas.pipeline.model.positions import has_rotary_positions
from attlas.pipeline.pairs.joining import FORMS, Form
from attlas.pipeline.plan import Plan
from attlas.schema import EnvironmentFault, InputError

if TYPE_CHECKING:  # a dry run does without torch
    from attlas.pipeline.encoder.encoder import Encoder

FORMS_WITH_BOTH_ENDS: tuple[Form, ...] = ("ends", "separators")
"""Forms that set the model's own begin and end tokens between the sequences."""


def choose_forms(text: str | None, plan: Plan) -> tuple[Form, ...]:
    """Return the forms that a text such as `gap,linker` names; None: `gap`, or `linker` where there is no gap.

    Raises:
        InputError: a form is unknown or given twice, or the model has no rotary positions for a gap.
        EnvironmentFault: the model does not read joined sequences.
    """
    refuse_hooked(plan)
    is_rotary = has_rotary_positions(_read_config(plan))
    if text is None:
        return ("gap",) if is_rotary else ("linker",)

    names = text.replace(",", " ").split()
    forms = tuple(form for form in FORMS if form in names)
    unknown = [name for name in names if name not in FORMS]
    if unknown or len(names) != len(forms) or not forms:
        raise InputError(
            f"{text!r} names no forms of joining.",
            expected=f"forms among {', '.join(FORMS)}, each once, separated by commas",
            found=", ".join(unknown) or "none, or one twice",
        )
    if "gap" in forms and not is_rotary:
        raise InputError(
            f"The form `gap` needs rotary positions, which {plan.run.model} does not have.",
            expected="--join linker, ends or separators",
            found="positions that are learned, or a bias that is read by the places of tokens",
        )
    return forms


def refuse_hooked(plan: Plan) -> None:
    """Refuse a model that is read by its own maps, sequence by sequence. Raises EnvironmentFault."""
    if plan.run.attention == HOOKED:
        raise EnvironmentFault(
            f"{plan.run.model} is read by its own maps, sequence by sequence: it does not take two joined proteins.",
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


def _read_config(plan: Plan) -> dict[str, Any]:
    """Return the configuration of the planned model. Raises EnvironmentFault where it is not there."""
    path = Path(plan.model_directory) / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"The configuration of the planned model cannot be read: {path}.",
            found=str(error),
            hint="put the planned model back",
        ) from error
    return config
