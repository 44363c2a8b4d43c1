"""The model of a run in words, and whether two atlases have the same, so that one can be fitted on for the other."""

from attlas.schema import InputError, Run
from attlas.schema.run import PLAIN

COMPARED = {"model": "weights_sha256", "dtype": "dtype", "products": "products", "rule": "rule"}
"""What an atlas to fit on has in common with the one that is judged: in words, and the field of its run."""


def describe_model(run: Run) -> str:
    """Return the model of a run and its weights, in words."""
    return f"{run.model} (weights {run.weights_sha256[:12]}, {run.dtype})"


def refuse_other_model(run: Run, other: Run) -> None:
    """Refuse to fit on the numbers of another model, dtype, products or rule. Raises InputError."""
    names = [name for name, field in COMPARED.items() if getattr(run, field) != getattr(other, field)]
    if names:
        raise InputError(
            f"The atlas to fit on differs in {', '.join(names)}.",
            expected=_describe_compared(run),
            found=_describe_compared(other),
            hint="build it with the same model, --dtype and --rule: a predictor reads numbers as it was fitted on them",
        )


def describe_other_run(run: Run, other: Run) -> list[str]:
    """Return in what else two runs differ that numbers depend on: files of the model, letters, device, versions."""
    fields = ("config_sha256", "letters", "device", "attention", "format_version")
    changes = run.describe_changes(other)
    return [change for change in changes if change.partition(":")[0] in fields]


def _describe_compared(run: Run) -> str:
    products = "" if run.products == PLAIN else f", products {run.products}"
    return f"{describe_model(run)}{products}, rule {run.rule}"
