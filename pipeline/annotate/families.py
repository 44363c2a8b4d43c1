"""Databases of families in UniProt's words, and which one an identifier is of.

Source: the databases that UniProt's cross-references list under "Family and domain databases"
(https://www.uniprot.org/database). Left out are DisProt and IDEAL, whose identifiers are of single proteins.
"""

import re

_DATABASES = (
    # UniProt's word, then InterProScan's and other spellings.
    ("AntiFam",),
    ("CDD",),
    ("FunFam",),
    ("Gene3D", "CATH-Gene3D", "CATH"),
    ("HAMAP",),
    ("InterPro",),
    ("NCBIfam", "TIGRFAMs", "TIGRFAM"),  # NCBIfam took over the families of TIGRFAMs
    ("PANTHER",),
    ("Pfam",),
    ("PIRSF",),
    ("PRINTS",),
    ("ProDom",),
    ("PROSITE", "ProSiteProfiles", "ProSitePatterns"),
    ("SFLD",),
    ("SMART",),
    ("SUPFAM", "SUPERFAMILY"),
)
_NAMES = {spelling.casefold(): spellings[0] for spellings in _DATABASES for spelling in spellings}

_IDENTIFIERS = {
    r"PF\d{5}": "Pfam",
    r"IPR\d{6}": "InterPro",
    r"PTHR\d{5}(:SF\d+)?": "PANTHER",
    r"cd\d{5}": "CDD",
    r"SM\d{5}": "SMART",
    r"PS\d{5}": "PROSITE",
    r"SSF\d+": "SUPFAM",
    r"(G3DSA:)?\d+\.\d+\.\d+\.\d+": "Gene3D",
    r"(G3DSA:)?\d+\.\d+\.\d+\.\d+:FF:\d+": "FunFam",
    r"NF\d{6}": "NCBIfam",
    r"TIGR\d{5}": "NCBIfam",
    r"PR\d{5}": "PRINTS",
    r"MF_\d{5}(_[AB])?": "HAMAP",
    r"PIRSF\d{6}": "PIRSF",
    r"SFLD[SGF]\d{5}": "SFLD",
    r"ANF\d{5}": "AntiFam",
    r"PD\d{6}": "ProDom",
}
"""Identifiers by what they look like."""


def database_word(text: str) -> str | None:
    """Return the database of families in UniProt's words, `PROSITE` for `ProSiteProfiles`; None if it is none."""
    return _NAMES.get(text.strip().casefold())


def database_of(family: str) -> str | None:
    """Return the database that an identifier is of, by what it looks like; None if it looks like none of them."""
    return next((name for pattern, name in _IDENTIFIERS.items() if re.fullmatch(pattern, family, re.IGNORECASE)), None)


def family_word(family: str) -> str:
    """Return an identifier as UniProt writes it: those of Gene3D and FunFam without `G3DSA:`."""
    return re.sub(r"^G3DSA:", "", family.strip(), flags=re.IGNORECASE)
