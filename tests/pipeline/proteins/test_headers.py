"""Headers of UniProt and UniRef are read the same by the short way and by the general one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attlas.pipeline.proteins import headers
from attlas.pipeline.proteins.headers import parse_header

pytestmark = pytest.mark.slow

UNIREF = (
    "UniRef50_A0A5A9P0L4 Peptidylprolyl isomerase n=1 Tax=Triplophysa tibetana TaxID=1572043 RepID=A0A5A9P0L4_9TELE"
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            UNIREF,
            ("UniRef50_A0A5A9P0L4", "A0A5A9P0L4_9TELE", "Triplophysa tibetana", 1572043, "Peptidylprolyl isomerase", 1),
        ),
        (
            "UniRef100_UPI0002 Cluster: x n=12 Tax=root TaxID=1 RepID=UPI0002",
            ("UniRef100_UPI0002", None, "root", 1, "Cluster: x", 12),
        ),
        ("UniRef90_Q1 of 3 residues", ("UniRef90_Q1", None, None, None, "of 3 residues", None)),
        ("UniRef90_Q1 name n=x Tax= TaxID= RepID=", ("UniRef90_Q1", None, None, None, "name", None)),
        ("UniRef_Q1 name n=2", ("UniRef_Q1", None, None, None, "name n=2", None)),
    ],
)
def test_headers_of_uniref_give_name_organism_representative_and_members(
    header: str, expected: tuple[object, ...]
) -> None:
    record = parse_header(header, line=1)
    values = (
        record.accession,
        record.entry_name,
        record.organism,
        record.taxon_id,
        record.description,
        record.n_members,
    )
    assert values == expected


WORDS = st.sampled_from(
    [
        *[
            "sp|P1|A_B",
            "tr|Q1|C",
            "sp|P1",
            "sp||A",
            "sp|P1|A|B",
            "OS=Homo",
            "OX=9606",
            "OX=x",
            "OX=",
            "GN=a",
            "GN= a",
            "GN=",
            "PE=1",
            "PE=x",
            "SV=2",
            "SV=",
        ],
        *[
            "UniRef50_A0A",
            "UniRef50_",
            "n=3",
            "n= 3",
            "n=",
            "Tax=Mus",
            "Tax=",
            "TaxID=10090",
            "TaxID=",
            "RepID=A_B",
            "RepID=UPI",
            "RepID=",
            "Protein",
            "x=y",
        ],
        *("", "\t", "sp|P\u00a01|A_B", "UniRef50_\u00a0x"),
    ]
)


REGULAR = [
    ["sp|P1|A_B", "Protein", "OS=Homo s", "OX=9606", "GN=ab c", "PE=1", "SV=2"],
    ["UniRef50_A0A", "Protein", "n=3", "Tax=Mus m", "TaxID=10090", "RepID=A_B"],
]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(REGULAR), st.integers(0, 6), st.lists(WORDS, max_size=2), st.booleans())
def test_headers_as_usual_are_read_the_same_by_the_short_way_and_by_the_general_one(
    words: list[str], place: int, others: list[str], is_replaced: bool
) -> None:
    text = " ".join([*words[:place], *others, *words[place + is_replaced :]])
    short = headers._parse_regular(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headers, "_parse_regular", lambda text: None)
        general = parse_header(text, line=1)
    assert short in (None, general)
    assert all(headers._parse_regular(" ".join(regular)) is not None for regular in REGULAR)


def test_a_blank_after_the_name_of_a_tag_is_not_part_of_its_value() -> None:
    protein = parse_header("sp|P1|A_B Protein OS= Homo s OX=9606 GN= a PE=1 SV=2", line=1)
    assert (protein.organism, protein.gene) == ("Homo s", "a")
    cluster = parse_header("UniRef50_A0A Protein n= 3 Tax= Mus TaxID= 10090 RepID=A_B", line=1)
    assert (cluster.n_members, cluster.organism, cluster.taxon_id) == (3, "Mus", 10090)
