"""Attention as attributes of ChimeraX residues: `attlas_share` of every residue, `attlas_rank` of the sites.

The attribute assignment format (rbvi.ucsf.edu/chimerax/docs/user/formats/defattr.html): `#` comments, control lines
`name: value`, then TAB, residue, TAB, value. A residue is `/chain:number`, with insertion code, as the author names it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.schema import InputError
from attlas.structures.chains import Residue

SHARE, RANK = "attlas_share", "attlas_rank"
CHAIN_NAME = re.compile(r"[A-Za-z0-9_]*")
"""Names that a selection of ChimeraX or PyMOL takes as they are: no range, list, wildcard or quote in them."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the attributes of one protein; return notes to show beside them."""
    annotation = annotate(atlas, request)
    check_chain_names(annotation.chains, "ChimeraX")
    for line in _lines(annotation):
        sink.write(f"{line}\n".encode())
    return annotation.notes()


def residue_spec(residue: Residue) -> str:
    """Return a residue as ChimeraX names it: `/A:45`, `/A:45B`, `/A:-3`."""
    chain = f"/{residue.chain}" if residue.chain else ""
    return f"{chain}:{residue.numbered}"


def check_chain_names(chains: Sequence[str], viewer: str) -> None:
    """Refuse chains whose name has a meaning of its own in the viewer's selections.

    Raises:
        InputError: names them.
    """
    unusable = [name for name in chains if not CHAIN_NAME.fullmatch(name)]
    if unusable:
        raise InputError(
            f"{viewer} cannot be told of a chain with such a name.", expected="letters and digits", offenders=unusable
        )


def _lines(annotation: Annotation) -> Iterator[str]:
    yield from (f"# {line}" for line in annotation.comments())
    yield from _control_lines(SHARE)
    yield from (f"\t{residue_spec(residue)}\t{share:.4f}" for residue, share in annotation.values())
    sites = list(annotation.site_residues())
    if sites:
        yield from _control_lines(RANK)
        yield from (f"\t{residue_spec(residue)}\t{site.rank}" for site, residue in sites)


def _control_lines(attribute: str) -> tuple[str, ...]:
    # non-zero: ChimeraX complains of a residue it does not find, and takes one in every model of an ensemble.
    return f"attribute: {attribute}", "match mode: non-zero", "recipient: residues"
