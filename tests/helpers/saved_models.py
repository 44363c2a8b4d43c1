"""Random models of the architectures tried, saved by name."""

from pathlib import Path

from helpers.architectures import ARCHITECTURES


def save_model(name: str, directory: Path) -> Path:
    """Save the model of an architecture with its vocabulary, and return the directory."""
    return next(architecture for architecture in ARCHITECTURES if architecture.name == name).save(directory)
