"""Options of the verbs that plan a build."""

from typing import Annotated, Literal

import typer

from attlas.cli.output import OUTPUT_NAMES
from attlas.cli.workshop import DIRECTORY_HELP

DEFAULT_MODEL = "facebook/esm2_t33_650M_UR50D"
DEFAULT_RULE = "nayar-2025-05"

Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "float32", "mixed", "bfloat16"]
Input = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="FASTA files, plain or compressed; `-` is stdin.", show_default=False),
]
# Texts: `Path` would make one slash of the two in a URL.
Out = Annotated[str, typer.Option(*OUTPUT_NAMES, metavar="DIR", help=DIRECTORY_HELP, show_default=False)]
Model = Annotated[str, typer.Option("--model", metavar="PATH_OR_ID", help="Model directory, or hub id once fetched.")]
Revision = Annotated[str | None, typer.Option(help="Revision of a hub model; default: the one in the cache.")]
DeviceOption = Annotated[Device, typer.Option(help="auto: cuda if there is a GPU.")]
DtypeOption = Annotated[
    Dtype, typer.Option(help="auto: float32. mixed: products in float16, all else in float32; a few sites change.")
]
Exact = Annotated[
    bool, typer.Option("--exact", help="float32 by plain products on a GPU too, which is several times slower.")
]
RuleOption = Annotated[str, typer.Option(help="Rule for HA sites: nayar-2025-05 or nayar-2025-07.")]
