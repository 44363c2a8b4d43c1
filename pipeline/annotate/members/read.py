"""A mapping table read piece by piece: which cluster each member is in.

It is `idmapping_selected.tab` of UniProt, whose columns 8 to 10 are UniRef100, 90 and 50, or two columns with a tab
between them: the member, then its cluster, as UniProt's ID mapping writes them. Both may be compressed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from attlas.intake.files import open_file
from attlas.intake.text import printable_text
from attlas.pipeline.annotate.source import first_lines
from attlas.schema import InputError

EXPECTED = (
    "idmapping_selected.tab of UniProt, or a table of two columns with a tab between them: the accession of a member, "
    "then the id of its cluster"
)
"""What a mapping table should be, for messages."""
LEVELS = {"UniRef100": 7, "UniRef90": 8, "UniRef50": 9}
"""Columns of `idmapping_selected.tab`, from 0, by the clusters that they hold."""
SELECTED_COLUMNS = 22
"""Columns of `idmapping_selected.tab`."""
HEADERS = {
    "from", "to", "entry", "id", "accession", "member", "members", "member_id", "uniprotkb", "uniprotkb_ac",
    "uniprotkb-ac", "cluster", "cluster id", "cluster_id", "clusters", "representative", "rep", "uniref50", "uniref90",
    "uniref100",
}  # fmt: skip
"""Possible names of the columns in a header, in lower case."""
BLOCK_BYTES = 16 << 20
"""Bytes of text that are parsed at once."""
SHOWN_LETTERS = 60
"""Letters of a line that a message shows."""
_MEMBER, _CLUSTER = "member", "cluster"
MAPPING_SCHEMA = pa.schema([(_MEMBER, pa.string()), (_CLUSTER, pa.string())])


@dataclass(frozen=True)
class MappingFormat:
    """The layout of a mapping table."""

    name: str
    n_columns: int
    cluster_columns: tuple[int, ...]
    """Columns of cluster ids, from 0; the member is in column 0."""
    has_header: bool = False


def find_format(path: Path, levels: Sequence[str]) -> MappingFormat:
    """Return the format of a mapping table, by its first lines.

    `levels` are the kinds of clusters that the atlas has, such as `UniRef50`.

    Raises:
        InputError: it is of another shape, or has no clusters of the kind that the atlas has.
    """
    rows = [line.rstrip("\r\n").split("\t") for line in first_lines(path)]
    widths = {len(row) for row in rows[:-1]} or {len(rows[0])}  # the last line may be cut
    if widths == {2}:
        is_header = all(cell.strip().lstrip("#").lower() in HEADERS for cell in rows[0])
        return MappingFormat("two columns", 2, (1,), has_header=is_header)

    if widths == {SELECTED_COLUMNS}:
        if not levels:
            raise InputError(
                f"{path.name} has clusters of UniRef, and the atlas has none.",
                expected=f"accessions such as {', '.join(f'{level}_P12345' for level in LEVELS)} in the atlas",
                hint="for clusters of another kind, give a table of two columns: the member, then its cluster",
            )
        columns = tuple(LEVELS[level] for level in levels)
        return MappingFormat("idmapping_selected", SELECTED_COLUMNS, columns)

    counts = " or ".join(map(str, sorted(widths)[:3]))
    line = printable_text("\t".join(rows[0])[:SHOWN_LETTERS])
    raise InputError(
        f"{path.name} is no table of members and clusters.",
        expected=EXPECTED,
        found=f"{counts} columns; it begins with {line}",
        hint="`cut -f1,2` takes two columns out of a wider table",
    )


def read_members(path: Path, mapping: MappingFormat) -> Iterator[pa.Table]:
    """Yield the members and their clusters, of `MAPPING_SCHEMA`; lines without a cluster have an empty one.

    Raises:
        InputError: the file cannot be read to its end, or a line has another number of columns.
    """
    names = [f"f{i}" for i in range(mapping.n_columns)]
    layout = pa_csv.ReadOptions(
        use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=int(mapping.has_header)
    )
    parse = pa_csv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False)
    read_names = [names[0], *(names[i] for i in mapping.cluster_columns)]
    convert = pa_csv.ConvertOptions(
        include_columns=read_names, column_types=dict.fromkeys(read_names, pa.string()), strings_can_be_null=False
    )

    with open_file(path, expected=EXPECTED) as handle:
        try:
            with pa_csv.open_csv(handle, read_options=layout, parse_options=parse, convert_options=convert) as reader:
                for batch in reader:
                    members = pc.utf8_trim_whitespace(batch.column(0))
                    for column in batch.columns[1:]:
                        clusters = pc.utf8_trim_whitespace(column)
                        yield pa.table([members, clusters], schema=MAPPING_SCHEMA)
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{path.name} cannot be read to its end.",
                expected=f"{mapping.n_columns} columns in every line, in UTF-8",
                found=printable_text(str(error).splitlines()[0]),
                hint="check the download",
            ) from error
