"""What the report shows of an atlas, in order: its sections with their figures."""

from collections.abc import Sequence
from dataclasses import replace

from attlas.queries.asking.answering import stale_notes
from attlas.queries.lookup.settings import settings_of
from attlas.queries.report.atlas_figures import about_section, atlas_section
from attlas.queries.report.choosing import choose
from attlas.queries.report.contact_figures import contact_section
from attlas.queries.report.family_figures import family_section
from attlas.queries.report.figures import Section
from attlas.queries.report.label_figures import label_section
from attlas.queries.report.model_figures import model_section
from attlas.queries.report.probe_figures import probe_section
from attlas.queries.report.site_figures import site_section
from attlas.queries.store import Store
from attlas.schema import CONTACTS, FITS, FUSED_CONTACTS, HEAD_CONTACTS, HEAD_FEATURES, Table


def sections(atlas: Store, *, types: Sequence[str] | None, proteins: Sequence[str] | None) -> tuple[Section, ...]:
    """Return every section; a figure whose tables an atlas does not have is among them all the same.

    Raises:
        QuestionError: the atlas has none of a type that was asked for.
        BrokenAtlasError: a file of the probe, or of heads against contacts, cannot be read.
    """
    run = atlas.manifest.run
    only: dict[str, object] = {} if proteins is None else {"proteins": list(proteins)}
    choice = choose(atlas, types, only)

    shape = {"n_layers": run.n_layers, "n_heads": run.n_heads}
    probe = settings_of(atlas.root, atlas.manifest, HEAD_FEATURES)
    against = settings_of(atlas.root, atlas.manifest, HEAD_CONTACTS)
    fused = settings_of(atlas.root, atlas.manifest, FUSED_CONTACTS)

    return (
        about_section(),
        atlas_section(),
        model_section(only, **shape, theta=run.edge_theta),
        label_section(
            choice.labels,
            only,
            **shape,
            theta=probe.get("theta"),
            absent=(*choice.absent_labels, *_sentences(atlas, HEAD_FEATURES)),
        ),
        probe_section(absent=_sentences(atlas, FITS)),
        site_section(choice.types, only, absent=choice.absent_types),
        replace(
            contact_section(
                only, **shape, theta=against.get("theta"), atom=against.get("atom"), fused_heads=fused.get("heads")
            ),
            absent=tuple(_sentences(atlas, CONTACTS, FUSED_CONTACTS, HEAD_CONTACTS)),
        ),
        family_section(choice.database, only),
    )


def _sentences(atlas: Store, *tables: Table) -> list[str]:
    return [f"{note[0].upper()}{note[1:]}." for note in stale_notes(atlas, [table.name for table in tables])]
