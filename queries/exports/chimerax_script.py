"""A ChimeraX command script beside the attributes: opens them, colours by them, shows and labels the sites.

It works on the structure that is open. The file of attributes is named as it was written, without a folder: ChimeraX
runs a script in the script's own folder.
"""

from collections.abc import Iterator
from typing import BinaryIO

from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.chimerax import SHARE, check_chain_names, residue_spec
from attlas.queries.exports.request import Request
from attlas.queries.exports.site_text import site_label
from attlas.queries.store import Store
from attlas.schema import QuestionError

ATTRIBUTES_FORMAT = "chimerax"
"""The format of the file that the script opens."""
PALETTE = "white:orange:red"


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the script for one protein; return notes on it."""
    annotation = annotate(atlas, request)
    check_chain_names(annotation.chains, "ChimeraX")
    for line in _lines(annotation, _attributes_file(request)):
        sink.write(f"{line}\n".encode())
    return annotation.notes()


def _attributes_file(request: Request) -> str | None:
    """Return the quoted name of the file of attributes; None where it is not known.

    Raises:
        QuestionError: ChimeraX has no way to write the name.
    """
    name = request.file_names.get(ATTRIBUTES_FORMAT)
    if name is None:
        return None
    if '"' in name or "\\" in name or not name.isprintable():
        raise QuestionError(f"A ChimeraX script cannot name the file {name!r}.", hint="choose a plain name with -o")
    return f'"{name}"'


def _lines(annotation: Annotation, attributes: str | None) -> Iterator[str]:
    chains = f"/{','.join(annotation.chains)} " if all(annotation.chains) else ""
    yield from (f"# {line}" for line in annotation.script_comments())

    yield "# Open the structure first, then this script."
    if attributes is None:
        yield "# Then open the file of attributes (attlas export ... chimerax) before the next command."
    else:
        yield f"open {attributes} format defattr"

    yield f"color byattribute r:{SHARE} {chains}target acs palette {PALETTE} range 0,1 noValueColor gray"

    for site, residue in annotation.site_residues():
        spec = residue_spec(residue)
        yield f"show {spec} atoms"
        yield f"style {spec} stick"
        yield f'label {spec} residues text "{site_label(site)}"'
