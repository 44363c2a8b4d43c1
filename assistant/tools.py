"""The eight tools: what each is for, in words for a model, its arguments, and the function that answers.

Whatever a tool is asked, its answer is a page of rows of bounded size (`answers.py`), and no tool reads a file that is
not of the atlas, or writes one.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from attlas.assistant.answers import Reply, answer_json
from attlas.assistant.arguments import LIMIT, OFFSET, Argument, check_arguments
from attlas.assistant.exporting import MOST_CHARACTERS, export_text
from attlas.assistant.lookups import MOST_FEATURES, MOST_LETTERS, find, list_links, list_sites, show_protein
from attlas.assistant.questions import answer_sql, ask_by_name, list_columns
from attlas.queries import Atlas
from attlas.schema import QuestionError

ID_FORMS = (
    "accession (P04637, P04637-2), entry name (P53_HUMAN), gene (TP53, or TP53@9606 with its taxon), "
    "sp|P04637|P53_HUMAN, or the MD5 or CRC64 of the sequence"
)


@dataclass(frozen=True)
class Tool:
    """A tool of the server."""

    name: str
    title: str
    doc: str
    """What it answers, for a model that has never seen an atlas."""
    arguments: tuple[Argument, ...]
    answer: Callable[..., Reply]
    """Called with the atlas, the arguments by name, and `timeout_s`."""


TOOLS = (
    Tool(
        "find",
        "Find proteins by words",
        "Proteins of this atlas that some words may mean: words of the protein's name, gene, entry name or "
        "organism, in any letter case, or the PDB id of a structure the atlas was annotated with. Returns "
        "accession, names and how each fits, best fit first. Use it first when you do not know the accession. An "
        "empty answer means that no protein of the atlas has all of the words.",
        (
            Argument("text", "text", "Words, such as `dna polymerase` or `adrb2 human`.", is_required=True),
            OFFSET,
            LIMIT,
        ),
        find,
    ),
    Tool(
        "protein",
        "One protein",
        "What the atlas holds of one protein: names, organism, sequence, length in residues, whether it was "
        "computed (`outcome`, `reason`), its layer of convergence (`layer`, counted from 0), its number of "
        "high-attention sites (`n_sites`), and, where the atlas was annotated, known features (`begin`, `end`: "
        f"positions counted from 1, both inclusive) and families. Long sequences are cut after {MOST_LETTERS:,} "
        f"letters, features after {MOST_FEATURES}; `notes` has the SQL for the rest. A checksum that several "
        "proteins share gives a row for each.",
        (
            Argument("id", "text", f"An id: {ID_FORMS}.", is_required=True),
            Argument("taxon", "text", "Organism of a gene name: NCBI taxon id, or name."),
            OFFSET,
            LIMIT,
        ),
        show_protein,
    ),
    Tool(
        "sites",
        "High-attention sites of proteins",
        "The high-attention sites of some proteins: residues that the protein language model attends to most in "
        "the protein's layer of convergence. A row for each site: `position` counts from 1; `rank` 1 receives "
        "most attention; `layer` counts from 0; `share` is the attention received over the largest of that layer, "
        "0 to 1; `around` shows the site in upper case between its neighbours. A protein without sites has one "
        "row whose `note` says why. A site is what a model attends to, no proof of function.",
        (
            Argument("id", "text", f"One id: {ID_FORMS}. Either `id` or `ids` is needed."),
            Argument("ids", "texts", "Ids of several proteins, in the same forms."),
            Argument("flank", "integer", "Residues shown on each side of a site.", default=5, maximum=1000),
            OFFSET,
            LIMIT,
        ),
        list_sites,
    ),
    Tool(
        "links",
        "Attention links of a protein",
        "The strongest attention weights between two residues of a protein, by head, the strongest first: residue i "
        "(the query) attends to residue j (the key) with `weight`, 0 to 1. i and j are positions counted from 1; "
        "layer and head count from 0. Links are a choice: `n_links` of the `n_edges` of a head (attention of 0.3 or "
        "more) are kept, so few links of a head do not mean few edges. Needs an atlas to which `attlas links` has "
        "added the table; otherwise the tool says so.",
        (
            Argument("id", "text", f"An id: {ID_FORMS}.", is_required=True),
            Argument("layer", "integer", "Only links of this layer, counted from 0."),
            Argument("head", "integer", "Only links of this head of each layer, counted from 0."),
            Argument("position", "integer", "Only links that begin or end at this residue, counted from 1.", minimum=1),
            OFFSET,
            LIMIT,
        ),
        list_links,
    ),
    Tool(
        "ask",
        "Ask a question that has a name",
        "Tested questions about the whole atlas, such as residue_enrichment or heads_by_entropy. Without "
        "`question`: lists their names and titles, and in `missing` the tables a question needs that this atlas "
        "lacks. With `describe`: the parameters with types, ranges and defaults, the columns, and what a row "
        "stands for. Else: the rows. Prefer a question to SQL of your own where one fits: its counting, intervals "
        "and baselines are tested.",
        (
            Argument("question", "text", "Name of the question; leave it out to list them."),
            Argument(
                "parameters",
                "values",
                "Values by name, such as {'proteins': ['P07550'], 'layer': 3}. An alignment is an object of id to "
                "aligned letters. Files cannot be named.",
            ),
            Argument("describe", "flag", "Describe the question instead of asking it.", default=False),
            OFFSET,
            LIMIT,
        ),
        ask_by_name,
    ),
    Tool(
        "sql",
        "Ask in SQL",
        "One SELECT in DuckDB's SQL over the tables of the atlas (proteins, sequences, sites, residues, heads, "
        "and those that were added, such as features, families, contacts, links). Read `columns` first: it has "
        "every column with unit and meaning. Positions count from 1; layers and heads from 0; `residues.received` "
        "is a list of one number per layer, so layer k is received[k + 1]. Nothing can be written, and no other "
        "files can be read. Give the query an ORDER BY that leaves no ties, or pages and replays may differ.",
        (Argument("query", "text", "One SELECT, in DuckDB's SQL.", is_required=True), OFFSET, LIMIT),
        answer_sql,
    ),
    Tool(
        "columns",
        "Tables and columns",
        "What the atlas holds. Without `table`: every table, its number of rows (0: nothing was added to it yet) "
        "and what a row is. With `table`: its columns with type, unit and meaning.",
        (Argument("table", "text", "Name of a table, such as `sites`."), OFFSET, LIMIT),
        list_columns,
    ),
    Tool(
        "export",
        "Sites in another tool's format",
        "The text of an export, such as GFF3, BED, FASTA with sites in lower case, PyMOL or ChimeraX commands, or "
        "a table as CSV. Without `format`: lists the formats. The answer is one cell `text` of at most "
        f"{MOST_CHARACTERS:,} characters; `offset` and `next_offset` count characters, from 0, and pieces are "
        "joined as they are. Positions in it count as the format does (GFF3 from 1; BED from 0, the end "
        "exclusive).",
        (
            Argument("format", "text", "Name of a format, such as `gff3`; leave it out to list them."),
            Argument("id", "text", f"Id of one protein; without `id` and `ids` all are exported. {ID_FORMS}."),
            Argument("ids", "texts", "Ids of several proteins, in the same forms."),
            Argument("layer", "integer", "Formats of links: only links of this layer, counted from 0."),
            Argument("head", "integer", "Formats of links: only links of this head of `layer`, counted from 0."),
            Argument("offset", "integer", "Characters to pass over, 0 for the beginning.", default=0),
        ),
        export_text,
    ),
)
"""The tools, in the order in which they are listed."""

_BY_NAME = {tool.name: tool for tool in TOOLS}


def call_tool(atlas: Atlas, name: str, arguments: Mapping[str, Any], *, timeout_s: float | None) -> dict[str, Any]:
    """Return the answer of a tool as plain JSON values, as `answers.answer_json` describes it.

    Raises:
        Fault: there is no such tool, an argument cannot be used, or the question has no answer.
    """
    tool = _BY_NAME.get(name)
    if tool is None:
        raise QuestionError(f"There is no tool {name[:60]!r}.", expected=", ".join(_BY_NAME))

    values = check_arguments(name, tool.arguments, arguments)
    reply = tool.answer(atlas, **values, timeout_s=timeout_s)
    return answer_json(name, values, reply, atlas.manifest)


def write_json(values: object) -> str:
    """Return JSON on one line, as short as it can be."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
