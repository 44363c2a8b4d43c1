"""Readers of the exports, each by the program its users have or by a parser written from the format's specification.

Every reader returns the sites it finds: {(accession, position from 1, residue)}. Accessions are decoded where the
format had to encode them.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import gffutils
import jsonschema
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from Bio import SeqIO

from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS, Request
from helpers.reading_case import PROTEINS

SEQUENCES = {protein.accession: protein.sequence for protein in PROTEINS}
"""Of the small atlas, by accession."""

Sites = set[tuple[str, int, str]]

UNIPROT_FEATURES = {
    # The Proteins API publishes no JSON schema of its own; this is the documented shape of an answer of /features
    # (ebi.ac.uk/proteins/api/doc), with those of the types and categories its parameters list that claim no function.
    "type": "object",
    "required": ["accession", "sequence", "features"],
    "properties": {
        "accession": {"type": "string", "minLength": 1},
        "entryName": {"type": "string"},
        "sequence": {"type": "string"},
        "sequenceChecksum": {"type": "string", "pattern": "^[0-9A-F]{16}$"},
        "taxid": {"type": "integer"},
        "features": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "category", "begin", "end", "evidences"],
                "properties": {
                    "type": {
                        "enum": [
                            "CHAIN",
                            "DOMAIN",
                            "REGION",
                            "COILED",
                            "MOTIF",
                            "COMPBIAS",
                            "SITE",
                            "NON_STD",
                            "MOD_RES",
                        ]
                    },
                    "category": {"enum": ["MOLECULE_PROCESSING", "TOPOLOGY", "DOMAINS_AND_SITES", "PTM"]},
                    "ftId": {"type": "string"},
                    "description": {"type": "string", "minLength": 1},
                    "begin": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                    "end": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                    "evidences": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["code"],
                            "properties": {
                                "code": {"type": "string", "pattern": "^ECO:[0-9]{7}$"},
                                "source": {"type": "object", "required": ["name", "id"]},
                            },
                        },
                    },
                },
                "additionalProperties": False,
            },
        },
    },
}


def read_gff3(data: bytes) -> Sites:
    features = gffutils.create_db(data.decode(), ":memory:", from_string=True, merge_strategy="error").all_features()
    return {(unquote(f.seqid), f.start, f["residue"][0]) for f in features}


def read_bed(data: bytes) -> Sites:
    """Read BED6+5 as its specification has it: fields between tabs, visible ASCII, lines of `#` passed over."""
    sites: Sites = set()
    for line in data.decode("ascii").splitlines():
        if line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t")
        assert len(fields) == 11, line
        assert re.fullmatch(r"[\x21-\x7e]{1,255}", fields[0]), line
        start, end, score = int(fields[1]), int(fields[2]), int(fields[4])
        assert 0 <= start < end, line
        assert 0 <= score <= 1000, line
        assert fields[5] == ".", line
        assert fields[3] in (f"{fields[6]}{end}", "M1_initiator"), line
        sites.add((unquote(fields[0]), start + 1, fields[6]))
    return sites


def read_uniprot(data: bytes) -> Sites:
    answer = json.loads(data)
    proteins = answer if isinstance(answer, list) else [answer]
    for protein in proteins:
        jsonschema.validate(protein, UNIPROT_FEATURES)
    return {
        (p["accession"], int(f["begin"]), p["sequence"][int(f["end"]) - 1]) for p in proteins for f in p["features"]
    }


def read_interproscan(data: bytes) -> Sites:
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert all(len(row) == 15 and all(row) for row in rows)
    return {(unquote(row[0]), int(row[6]), row[5].split()[2].rstrip(",")[0]) for row in rows}


@dataclass
class JalviewFeatures:
    """A Jalview features file: colours by type, and features by group."""

    colours: dict[str, str] = field(default_factory=dict)
    features: list[tuple[str, str, int, int, str, float | None, str | None]] = field(default_factory=list)
    """Description, sequence, start, end, type, score, group."""


def parse_jalview_features(data: bytes) -> JalviewFeatures:
    """Read a features file as Jalview's manual has it: tab-separated, no comments."""
    content, group = JalviewFeatures(), None
    for line in data.decode().removesuffix("\n").split("\n"):
        columns = line.split("\t")
        assert not line.startswith("#"), "a features file has no comments"
        if columns[0].upper() in ("STARTGROUP", "ENDGROUP"):
            assert len(columns) == 2
            group = columns[1] if columns[0].upper() == "STARTGROUP" else None
        elif len(columns) == 2:
            content.colours[columns[0]] = columns[1]
        else:
            description, name, index, start, end, type, *score = columns
            assert int(index) == -1
            assert type in content.colours, "a type is given its colour first"
            number = float(score[0]) if score else None
            content.features.append((description, name, int(start), int(end), type, number, group))
    return content


def read_jalview_features(data: bytes) -> Sites:
    features = parse_jalview_features(data).features
    return {(unquote(f[1]), f[2], f[0].split()[2].rstrip(",")[0]) for f in features if f[2]}


@dataclass
class JalviewRow:
    """A graph of a Jalview annotation file."""

    name: str
    start: int
    label: str
    description: str
    columns: list[tuple[float, str, str, str]]
    """Value, character, tooltip, colour."""
    line: float | None = None


def parse_jalview_annotation(data: bytes) -> list[JalviewRow]:
    """Read an annotation file as Jalview's manual has it: instructions of tab-separated fields, comments allowed."""
    lines = [line for line in data.decode().removesuffix("\n").split("\n") if line and not line.startswith("#")]
    assert lines[0] == "JALVIEW_ANNOTATION"
    rows: list[JalviewRow] = []
    for line in lines[1:]:
        instruction, *fields = line.split("\t")
        assert all(fields), "Jalview takes tabs together, so no field may be empty"
        if instruction == "SEQUENCE_REF":
            name, start = fields[0], int(fields[1])
        elif instruction == "BAR_GRAPH":
            label, description, values = fields
            assert "|" not in description, "Jalview would take it for values"
            rows.append(JalviewRow(name, start, label, description, [_bar(v) for v in values.split("|")[:-1]]))
        else:
            assert (instruction, fields[0]) == ("GRAPHLINE", rows[-1].label)
            rows[-1].line = float(fields[1])
    return rows


def _bar(text: str) -> tuple[float, str, str, str]:
    colour = re.search(r",?\[([0-9a-f]{6})\]", text)
    value, character, tooltip = re.sub(r",?\[.*\]", "", text).split(",")
    return float(value), character, tooltip, colour[1] if colour else ""


def read_jalview_annotation(data: bytes) -> Sites:
    return {
        (unquote(row.name), row.start + at, tooltip[0])
        for row in parse_jalview_annotation(data)
        for at, (_, _, tooltip, _) in enumerate(row.columns)
        if tooltip
    }


def read_fasta(data: bytes) -> Sites:
    return {
        (unquote(record.id), at, letter.upper())
        for record in SeqIO.parse(io.StringIO(data.decode(), newline="\n"), "fasta")
        for at, letter in enumerate(str(record.seq), start=1)
        if letter.islower()
    }


def read_csv(data: bytes) -> Sites:
    rows = csv.DictReader(io.StringIO(data.decode(), newline=""))
    return {(row["accession"], int(row["position"]), row["residue"]) for row in rows}


def tsv_rows(data: bytes) -> list[dict[str, str]]:
    """Return the rows as texts, as pandas and polars read them by default, but for texts such as `NA`."""
    by_pandas = pd.read_csv(io.BytesIO(data), sep="\t", dtype=str, keep_default_na=False)
    by_polars = pl.read_csv(data, separator="\t", infer_schema=False).fill_null("")
    assert by_pandas.to_dict("records") == by_polars.to_dicts()
    return by_polars.to_dicts()


def read_tsv(data: bytes) -> Sites:
    return {(row["accession"], int(row["position"]), row["residue"]) for row in tsv_rows(data)}


def read_jsonl(data: bytes) -> Sites:
    proteins = [json.loads(line) for line in data.split(b"\n") if line]
    return {(p["accession"], s["position"], s["residue"]) for p in proteins for s in p["sites"] or []}


def read_parquet(data: bytes) -> Sites:
    return _of_table(pq.read_table(io.BytesIO(data)))


def read_arrow(data: bytes) -> Sites:
    frame, polar = pd.read_feather(io.BytesIO(data)), pl.read_ipc(io.BytesIO(data))
    sites = _of_table(pa.ipc.open_file(io.BytesIO(data)).read_all())
    assert set(zip(frame["accession"], frame["position"].tolist(), frame["residue"], strict=True)) == sites
    assert set(polar.select("accession", "position", "residue").iter_rows()) == sites
    return sites


def _of_table(rows: pa.Table) -> Sites:
    return {tuple(row.values()) for row in rows.select(["accession", "position", "residue"]).to_pylist()}


READERS: dict[str, Callable[[bytes], Sites]] = {
    "gff3": read_gff3,
    "bed": read_bed,
    "uniprot": read_uniprot,
    "interproscan": read_interproscan,
    "jalview-features": read_jalview_features,
    "jalview-annotation": read_jalview_annotation,
    "fasta": read_fasta,
    "csv": read_csv,
    "tsv": read_tsv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "arrow": read_arrow,
}
"""The formats that hold sites along a sequence, and how they are read back."""


def exported(atlas: Atlas, format: str, accessions: Sequence[str] | None = None) -> bytes:
    """Return an export of some proteins, or of all."""
    sink = io.BytesIO()
    EXPORTS[format].write(atlas, Request(None if accessions is None else tuple(accessions)), sink)
    return sink.getvalue()
