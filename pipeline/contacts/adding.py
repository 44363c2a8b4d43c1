"""Contacts added to a sealed atlas: a pass over every sequence and one over those with a structure, resumable.

By the model's contact head, into `contacts`; or by a few chosen heads, into `fused_contacts`, which every model has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.contacts.chains import Chain, read_chains
from attlas.pipeline.contacts.head_choice import HeadChoice, read_choice
from attlas.pipeline.contacts.pairs import RANGES
from attlas.pipeline.contacts.planning import (
    ContactSettings,
    Selection,
    check_memory_of,
    plan_passes,
    select_proteins,
)
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.pass_planning import ComputedSequence, read_ids_with_rows
from attlas.pipeline.passes import run_pass
from attlas.pipeline.sealed import hold_sealed
from attlas.pipeline.workers.resources import check_device
from attlas.schema import CONTACTS, FUSED_CONTACTS, HEAD_CONTACTS, AtlasPaths, InputError, Manifest, Table


@dataclass(frozen=True)
class AddedContacts:
    """The contacts of an atlas after they were computed."""

    manifest: Manifest
    n_pairs: int
    """Rows of `contacts`, or of `fused_contacts` where heads were fused."""
    n_sequences: int
    """Distinct sequences that are not too long."""
    n_chains: int
    """Chains of structures with which single heads were compared."""
    longer: tuple[str, ...]
    """Proteins left out because they are longer than `max_length`, one for each sequence."""
    failed: tuple[str, ...]
    """Proteins, and chains of structures, without rows because the model's attention on them is not finite."""
    choice: HeadChoice | None = None
    """The heads that were fused; None where the contact head predicted."""


def add_contacts(
    root: Path,
    settings: ContactSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> AddedContacts:
    """Compute the tables `contacts` and `head_contacts` of a sealed atlas and add them; finished shards are kept.

    With `settings.heads` it is the table `fused_contacts` instead, and these two stay as they are. Structures that were
    added since the last time change `head_contacts` alone.

    Raises:
        InputError: a setting is no probability or no atom; only heads are to be compared and no protein has a
            structure; or the heads to fuse are not those of the model (see `head_choice.read_choice`).
        PlanError: there is no plan, as in a release: contacts need the directory in which the atlas was built.
        EnvironmentFault: as `encode.encode`; the model has no contact head; or the maps of a protein do not fit the
            memory, before anything is computed.
    """
    _check_settings(settings)
    with hold_sealed(root) as (paths, manifest, plan):
        if scheduler is None:
            check_device(plan.run.device)

        choice = None if settings.heads is None else read_choice(settings.heads, plan.run)
        selection = select_proteins(paths, manifest, settings)
        if settings.is_heads_only and not selection.chains:
            hint = f"`attlas annotate {root} STRUCTURE` adds structures"
            raise InputError("No protein has a structure to compare single heads with.", hint=hint)

        passes = plan_passes(manifest, plan, settings, selection, choice)
        # Workers elsewhere, and those with a GPU each, are asked for their memory when they have started.
        if scheduler is None and (plan.run.device == "cpu" or n_workers == 0):
            for contact_pass in passes:
                check_memory_of(contact_pass, paths, plan)

        for contact_pass in passes:
            manifest = run_pass(
                paths,
                plan,
                contact_pass.task,
                tables=[contact_pass.table],
                shards=contact_pass.shards,
                progress=progress,
                n_workers=n_workers,
                scheduler=scheduler,
            )
        return _describe(paths, manifest, settings, selection, choice)


def _check_settings(settings: ContactSettings) -> None:
    if not 0 < settings.floor <= 1:
        raise InputError(
            "The floor is the probability from which on a pair is kept.",
            expected="above 0, to 1",
            found=f"{settings.floor}",
        )
    if settings.atom not in ("ca", "cb"):
        raise InputError(
            "The position of a residue is that of one of its atoms.", expected="ca or cb", found=str(settings.atom)
        )


def _describe(
    paths: AtlasPaths,
    manifest: Manifest,
    settings: ContactSettings,
    selection: Selection,
    choice: HeadChoice | None,
) -> AddedContacts:
    table = CONTACTS if choice is None else FUSED_CONTACTS
    predicted = () if settings.is_heads_only else selection.sequences
    failed = list(_find_failed_sequences(paths, manifest, table, predicted))
    if choice is None:
        failed += _find_failed_chains(paths, manifest, selection.chains)

    return AddedContacts(
        manifest=manifest,
        n_pairs=manifest.of_table(table).n_rows,
        n_sequences=len(selection.sequences),
        n_chains=len(selection.chains),
        longer=tuple(map(str, selection.longer)),
        failed=tuple(failed),
        choice=choice,
    )


def _find_failed_sequences(
    paths: AtlasPaths, manifest: Manifest, table: Table, sequences: Sequence[ComputedSequence]
) -> Iterator[str]:
    """Yield the sequences that are long enough for a contact and have no rows in a table."""
    ids_with_contacts = read_ids_with_rows(paths, manifest, table)

    nearest = RANGES["short"].nearest
    for sequence in sequences:
        if sequence.length > nearest and sequence.sequence_id not in ids_with_contacts:
            yield str(sequence)


def _find_failed_chains(paths: AtlasPaths, manifest: Manifest, chains: Sequence[Chain]) -> Iterator[str]:
    """Yield the chains that have no rows."""
    compared = read_chains(paths, manifest, HEAD_CONTACTS)
    yield from (str(chain) for chain in chains if chain not in compared)
