"""Types of features in UniProt's words: each type has one name in the table, whatever name a format has for it.

Source: UniProt's user manual (keys of the flat file), its XML schema (`featureType`) and its JSON and GFF3.
"""

_SPELLINGS = (
    # Word in UniProt's JSON and GFF3, key of the flat file, then XML and others.
    ("Initiator methionine", "INIT_MET"),
    ("Signal", "SIGNAL", "signal peptide"),
    ("Propeptide", "PROPEP"),
    ("Transit peptide", "TRANSIT"),
    ("Chain", "CHAIN", "mature protein region"),
    ("Peptide", "PEPTIDE"),
    ("Topological domain", "TOPO_DOM"),
    ("Transmembrane", "TRANSMEM", "transmembrane region", "transmembrane polypeptide region"),
    ("Intramembrane", "INTRAMEM", "intramembrane region", "intramembrane polypeptide region"),
    ("Domain", "DOMAIN", "polypeptide domain"),
    ("Repeat", "REPEAT"),
    ("Calcium binding", "CA_BIND", "calcium-binding region"),
    ("Zinc finger", "ZN_FING", "zinc finger region"),
    ("DNA binding", "DNA_BIND", "DNA-binding region"),
    ("Nucleotide binding", "NP_BIND", "nucleotide phosphate-binding region"),
    ("Region", "REGION", "region of interest"),
    ("Coiled coil", "COILED", "coiled-coil region"),
    ("Motif", "MOTIF", "short sequence motif"),
    ("Compositional bias", "COMPBIAS", "compositionally biased region"),
    ("Active site", "ACT_SITE", "catalytic residue"),
    ("Metal binding", "METAL", "metal ion-binding site"),
    ("Binding site", "BINDING"),
    ("Site", "SITE"),
    ("Non-standard residue", "NON_STD", "non-standard amino acid", "selenocysteine"),
    ("Modified residue", "MOD_RES"),
    ("Lipidation", "LIPID", "lipid moiety-binding region"),
    ("Glycosylation", "CARBOHYD", "glycosylation site"),
    ("Disulfide bond", "DISULFID"),
    ("Cross-link", "CROSSLNK"),
    ("Alternative sequence", "VAR_SEQ", "splice variant"),
    ("Natural variant", "VARIANT", "sequence variant"),
    ("Mutagenesis", "MUTAGEN", "mutagenesis site"),
    ("Sequence uncertainty", "UNSURE", "unsure residue"),
    ("Sequence conflict", "CONFLICT"),
    ("Non-adjacent residues", "NON_CONS", "non-consecutive residues"),
    ("Non-terminal residue", "NON_TER"),
    ("Helix", "HELIX"),
    ("Turn", "TURN"),
    ("Beta strand", "STRAND"),
)


def _key(text: str) -> str:
    return " ".join(text.replace("_", " ").replace("-", " ").split()).casefold()


_WORDS = {_key(spelling): spellings[0] for spellings in _SPELLINGS for spelling in spellings}


def type_word(text: str) -> str:
    """Return the type in UniProt's words, such as `Active site` for `ACT_SITE`; one it does not have, as written."""
    return _WORDS.get(_key(text), " ".join(text.split()))
