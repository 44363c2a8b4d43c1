"""What the report shows of an atlas, in order: its sections with their figures."""

from collections.abc import Sequence

from attlas.queries.atlas import Atlas
from attlas.queries.report.atlas_figures import about_section, atlas_section
from attlas.queries.report.choosing import choose
from attlas.queries.report.contact_figures import contact_section
from attlas.queries.report.family_figures import family_section
from attlas.queries.report.figures import Section
from attlas.queries.report.label_figures import label_section
from attlas.queries.report.model_figures import model_section
from attlas.queries.report.site_figures import site_section


def sections(atlas: Atlas, *, types: Sequence[str] | None, proteins: Sequence[str] | None) -> tuple[Section, ...]:
    """Return every section; a figure whose tables an atlas does not have is among them all the same.

    Raises:
        QuestionError: the atlas has none of a type that was asked for.
    """
    run = atlas.manifest.run
    only: dict[str, object] = {} if proteins is None else {"proteins": list(proteins)}
    chosen = choose(atlas, types, only)
    shape = {"n_layers": run.n_layers, "n_heads": run.n_heads}
    return (
        about_section(),
        atlas_section(),
        model_section(only, **shape),
        label_section(chosen.labels, only, **shape, absent=chosen.absent_labels),
        site_section(chosen.types, only, absent=chosen.absent_types),
        contact_section(only, **shape),
        family_section(chosen.database, only),
    )
