"""A MolViewSpec scene in one file: the structure coloured by attention share, sites as labelled sticks with tooltips.

Links, where the atlas has them, are tubes between C-alpha atoms whose radius is the attention.

An `.mvsx` is a zip of `index.mvsj` and what it refers to by relative URI: it opens in Mol* without a network. The
structure inside is the one given, byte for byte (unpacked). Format: molstar.org/mol-view-spec-docs.
"""

import zipfile
from typing import Any, BinaryIO

from attlas.queries.answers.stored_rows import SiteRow
from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.link_rows import has_links, refuse_without_links
from attlas.queries.exports.placed_links import COLOUR, LinkAnnotation, place_links
from attlas.queries.exports.request import Request
from attlas.queries.exports.site_text import site_label
from attlas.queries.store import Store
from attlas.structures.chains import Residue, require
from attlas.structures.mapping import StructureMatch

PALETTE = ("#fff5eb", "#fee6ce", "#fdd0a2", "#fdae6b", "#fd8d3c", "#f16913", "#d94801", "#a63603")
"""ColorBrewer's Oranges: the share from 0 to 1 in steps of an eighth."""
NO_VALUE, SITE = "#b0b0b0", "#1f78b4"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the zip, so that bytes repeat."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the archive; return notes on it."""
    annotation = annotate(atlas, request)
    match = annotation.match
    assert match is not None  # check_request has seen to it
    name = "structure.pdb" if match.file.format == "pdb" else "structure.cif"

    if request.layer is not None:
        refuse_without_links(atlas, "--layer")
    links = place_links(atlas, request, annotation) if has_links(atlas) else None

    state = _state(annotation, links, match, name, atlas.manifest.created)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("index.mvsj"), state.dumps(indent=1))
        archive.writestr(_entry(name), match.file.data)
    return (*annotation.notes(), *(() if links is None else links.link_notes()))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _state(annotation: Annotation, links: LinkAnnotation | None, match: StructureMatch, name: str, sealed: str) -> Any:
    molviewspec = require("molviewspec")
    builder = molviewspec.create_builder()
    structure = builder.download(url=name).parse(format=match.file.format).model_structure()

    cartoon = structure.component(selector="polymer").representation(type="cartoon").color(color=NO_VALUE)
    for colour, residues in _by_colour(annotation).items():
        cartoon.color(color=colour, selector=[_selector(molviewspec, residue) for residue in residues])

    structure.component(selector="ligand").representation(type="ball_and_stick").color(color=NO_VALUE)

    for site, residue in annotation.site_residues():
        component = structure.component(selector=_selector(molviewspec, residue))
        component.representation(type="ball_and_stick").color(color=SITE)
        component.label(text=site_label(site))
        component.tooltip(text=_tooltip(annotation, site))

    if links is not None and links.lines:
        _add_tubes(molviewspec, structure, links)

    state = builder.get_state(
        title=f"Attention on {annotation.protein.accession}",
        description="\n".join((*annotation.comments(), *(() if links is None else links.link_notes()))),
        description_format="plaintext",
    )
    state.metadata.timestamp = sealed  # the atlas's date, not today's: bytes repeat
    return state


def _add_tubes(molviewspec: Any, structure: Any, links: LinkAnnotation) -> None:
    primitives = structure.primitives(color=COLOUR)
    for line in links.lines:
        primitives.tube(
            start=_selector(molviewspec, line.query, atom="CA"),
            end=_selector(molviewspec, line.key, atom="CA"),
            radius=line.radius,
            tooltip=f"{links.annotation.protein.accession} {line.name}",
        )


def _by_colour(annotation: Annotation) -> dict[str, list[Residue]]:
    by_colour: dict[str, list[Residue]] = {colour: [] for colour in PALETTE}
    for residue, share in annotation.values():
        by_colour[PALETTE[min(int(share * len(PALETTE)), len(PALETTE) - 1)]].append(residue)
    return {colour: residues for colour, residues in by_colour.items() if residues}


def _selector(molviewspec: Any, residue: Residue, *, atom: str | None = None) -> Any:
    return molviewspec.ComponentExpression(
        auth_asym_id=residue.chain,
        auth_seq_id=residue.number,
        pdbx_PDB_ins_code=residue.insertion or None,
        label_atom_id=atom,
    )


def _tooltip(annotation: Annotation, site: SiteRow) -> str:
    name = f"{annotation.protein.accession} {site_label(site)}"
    return f"{name}: high-attention site, rank {site.rank}, share {site.share:.3f}"
