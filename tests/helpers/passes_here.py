"""Passes over a sealed atlas in this process, without a word: links, vectors and contacts, by their settings."""

from pathlib import Path

from attlas.pipeline.contacts.adding import AddedContacts, add_contacts
from attlas.pipeline.contacts.planning import ContactSettings
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.links.adding import AddedLinks, LinkSettings, add_links
from attlas.pipeline.vectors.adding import AddedVectors, add_vectors
from attlas.pipeline.vectors.choice import VectorSettings


def say_nothing(*_: object):
    """Start a pass whose progress nobody takes."""
    return lambda event: None


def refuse_to_compute(*_: object):
    """Fail where a pass starts to compute."""
    raise AssertionError("nothing was to be computed")


def add_contacts_here(
    root: Path,
    *,
    progress: StartProgress = say_nothing,
    n_workers: int = 0,
    scheduler: str | None = None,
    **settings: object,
) -> AddedContacts:
    """Predict contacts, and compare heads with structures."""
    return add_contacts(root, ContactSettings(**settings), progress=progress, n_workers=n_workers, scheduler=scheduler)


def add_links_here(root: Path, *, progress: StartProgress = say_nothing, **settings: object) -> AddedLinks:
    """Choose the links of every sequence."""
    return add_links(root, LinkSettings(**settings), progress=progress, n_workers=0)


def add_vectors_here(root: Path, *, progress: StartProgress = say_nothing, **settings: object) -> AddedVectors:
    """Embed every sequence."""
    return add_vectors(root, VectorSettings(**settings), progress=progress, n_workers=0)
