"""The proteins of the small atlas that the reading room is tested on: duplicates, and every outcome there is."""

import random

from helpers.synthetic import AMINO_ACIDS, SyntheticProtein


def random_sequence(n: int, seed: int) -> str:
    return "".join(random.Random(seed).choices(AMINO_ACIDS, k=n))


HOSTILE = SyntheticProtein(
    accession="H;=&%,\"é'",
    sequence=random_sequence(61, 7),
    organism="Ünïcödé; sp.=1 & co, 50%",
    description="tab\there \"quoted\" 'single' ;=&%, \x1b[31mred <b>, Ω",
)
P53 = random_sequence(393, 1)
HUMAN = {"organism": "Homo sapiens", "taxon_id": 9606}
PROTEINS = [
    SyntheticProtein("P04637", P53, "P53_HUMAN", "TP53", description="Cellular tumor antigen p53", **HUMAN),
    SyntheticProtein("P04637-2", P53[:341], "P53_HUMAN", "TP53", description="Isoform 2 of p53", **HUMAN),
    SyntheticProtein("P0DP23", random_sequence(149, 2), "CALM1_HUMAN", "CALM1", description="Calmodulin-1", **HUMAN),
    SyntheticProtein("P0DP24", random_sequence(149, 2), "CALM2_HUMAN", "CALM2", description="Calmodulin-2", **HUMAN),
    SyntheticProtein("Q00001", random_sequence(80, 3), "NONE_HUMAN", "NONE1", n_sites=0, **HUMAN),
    SyntheticProtein("Q00002", "MKT", "TINY_HUMAN", "TINY1", **HUMAN),
    SyntheticProtein("Q00003", "MK*LV" * 9, "STOP_HUMAN", "STOP1", status="skipped", reason="inner `*`", **HUMAN),
    SyntheticProtein("Q00004", random_sequence(99, 4), "FAIL_HUMAN", "FAIL1", status="failed", reason="out of memory"),
    SyntheticProtein("Q00005", random_sequence(300, 5) + "U" * 9, "MANY_HUMAN", "MANY1", n_sites=45, **HUMAN),
    HOSTILE,
    *(SyntheticProtein(f"X{i:05d}", random_sequence(40 + 11 * i, 100 + i)) for i in range(12)),
]
