"""The proteins that annotation is tested on, and the same three features in every format, written by hand."""

import gzip
from pathlib import Path

CALMODULIN = "MADQLTEEQIAEFKEAFSLFDKDGDGTITTKELGTVMRSLGQNPTEAELQDMINEVDADG"
"""60 residues."""
SHORT = "MKVLAAGIVCHHEDKLMNPQ"
FASTA = f""">sp|P0DP23|CALM1_HUMAN Calmodulin-1 OS=Homo sapiens OX=9606 GN=CALM1 PE=1 SV=2
{CALMODULIN}
>sp|P0DP24|CALM2_HUMAN Calmodulin-2 OS=Homo sapiens OX=9606 GN=CALM2 PE=1 SV=1
{CALMODULIN}
>sp|Q00001|SHORT_HUMAN Short OS=Homo sapiens OX=9606 PE=1 SV=3
{SHORT}
>Q00002 no version
{SHORT[::-1]}
>Q00003 skipped
MKV*LAA
"""

EXPECTED = [
    ("P0DP23", "Active site", 21, 21, "Proton acceptor", "ECO:0000255; ECO:0000269"),
    ("P0DP23", "Binding site", 21, 25, "Ca(2+) 1; catalytic", "ECO:0000269"),
    ("P0DP23", "Mutagenesis", 40, 40, "L->A: Loss of activity.", None),
]
"""What XML, flat file and GFF3 below all say."""

XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<uniprot xmlns="https://uniprot.org/uniprot">
<entry dataset="Swiss-Prot" version="64">
  <accession>P0DP23</accession>
  <accession>P02593</accession>
  <name>CALM1_HUMAN</name>
  <dbReference type="RefSeq" id="NP_1"><property type="protein sequence ID" value="x"/></dbReference>
  <feature type="active site" description="Proton acceptor" evidence="1 2">
    <location><position position="21"/></location>
  </feature>
  <feature type="binding site" evidence="1">
    <location><begin position="21"/><end position="25"/></location>
    <ligand>
      <name>Ca(2+)</name><dbReference type="ChEBI" id="CHEBI:29108"/><label>1</label><note>catalytic</note>
    </ligand>
  </feature>
  <feature type="mutagenesis site" description="Loss of activity.">
    <original>L</original><variation>A</variation>
    <location><position position="40"/></location>
  </feature>
  <evidence type="ECO:0000269" key="1"><source><dbReference type="PubMed" id="1"/></source></evidence>
  <evidence type="ECO:0000255" key="2"/>
  <sequence length="60" mass="1" checksum="0000000000000000" modified="2007-01-23" version="2">
  {CALMODULIN[:30]}
  {CALMODULIN[30:]}
  </sequence>
</entry>
</uniprot>
"""

FLAT = f"""ID   CALM1_HUMAN             Reviewed;          60 AA.
AC   P0DP23; P02593;
DT   21-JUL-1986, integrated into UniProtKB/Swiss-Prot.
DT   23-JAN-2007, sequence version 2.
DT   27-NOV-2024, entry version 64.
DE   RecName: Full=Calmodulin-1;
OS   Homo sapiens (Human).
OC   Eukaryota.
OX   NCBI_TaxID=9606;
PE   1: Evidence at protein level;
FT   ACT_SITE        21
FT                   /note="Proton
FT                   acceptor"
FT                   /evidence="ECO:0000269|PubMed:1, ECO:0000255|PROSITE-
FT                   ProRule:PRU00448"
FT   BINDING         21..25
FT                   /ligand="Ca(2+)"
FT                   /ligand_id="ChEBI:CHEBI:29108"
FT                   /ligand_label="1"
FT                   /ligand_note="catalytic"
FT                   /evidence="ECO:0000269|PubMed:1"
FT   MUTAGEN         40
FT                   /note="L->A: Loss of activity."
SQ   SEQUENCE   60 AA;  6542 MW;  0000000000000000 CRC64;
     {CALMODULIN[:10]} {CALMODULIN[10:20]} {CALMODULIN[20:30]} {CALMODULIN[30:40]} {CALMODULIN[40:50]} {CALMODULIN[50:]}
//
"""

OLD_FLAT = f"""ID   CALM1_HUMAN             Reviewed;          60 AA.
AC   P0DP23;
FT   ACT_SITE     21     21       Proton acceptor. {{ECO:0000255,
FT                                ECO:0000269}}.
FT   SITE         <1      5       Cut.
SQ   SEQUENCE   60 AA;  6542 MW;  0000000000000000 CRC64;
     {CALMODULIN}
//
"""

_LIGAND = "ligand=Ca(2+);ligand_id=ChEBI:CHEBI:29108;ligand_label=1;ligand_note=catalytic"
GFF3 = "\n".join(
    (
        "##gff-version 3",
        "##sequence-region P0DP23 1 60",
        "P0DP23\tUniProtKB\tActive site\t21\t21\t.\t.\t.\tNote=Proton acceptor;Ontology_term=ECO:0000269,ECO:0000255;"
        "evidence=ECO:0000269|PubMed:1,ECO:0000255",
        f"P0DP23\tUniProtKB\tBinding site\t21\t25\t.\t.\t.\t{_LIGAND};evidence=ECO:0000269|PubMed:1",
        "P0DP23\tUniProtKB\tMutagenesis\t40\t40\t.\t.\t.\tNote=L->A: Loss of activity%2E",
        "",
    )
)

TSV = """accession\ttype\tbegin\tend\tdescription\tligand\tevidence_codes
P0DP23\tactive site\t21\t21\tProton acceptor\t\tECO:0000269,ECO:0000255
P0DP23\tbinding site\t21\t25\tcatalytic\tCa(2+) 1\tECO:0000269
P0DP23\tmutagenesis site\t40\t40\tL->A: Loss of activity.\t\t
"""

SOURCES = {"c.xml": XML, "c.txt": FLAT, "c.gff": GFF3, "c.tsv": TSV}
FORMAT_OF = {"c.xml": "uniprot-xml", "c.txt": "uniprot-text", "c.gff": "gff3", "c.tsv": "tsv"}


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a source; packed where its name ends with `.gz`."""
    data = text.encode() if isinstance(text, str) else text
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path
