"""Values of a model's configuration, checked. Loads nothing."""

from pathlib import Path
from typing import Any

from attlas.schema import EnvironmentFault


def read_number(config: dict[str, Any], name: str, directory: Path, *, minimum: int = 1) -> int:
    """Return a whole number of a configuration, `minimum` or more. Raises EnvironmentFault."""
    value = config[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise wrong_value(directory, name, f"a whole number of {minimum} or more", value)
    return value


def wrong_value(
    directory: Path, name: str, expected: str, value: object, *, found: str | None = None
) -> EnvironmentFault:
    """Return the error for a value of a configuration that is not what it must be; `found` says more than the value."""
    return EnvironmentFault(
        f"{directory / 'config.json'} is no configuration of a model.",
        expected=f"{name}: {expected}",
        found=found or repr(value)[:100],
        hint="copy the model again, or use ESM-2 or another encoder of the transformers library",
    )
