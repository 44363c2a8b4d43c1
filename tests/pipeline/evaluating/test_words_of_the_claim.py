"""What the page of the claim says of the two example sets, and of which verdict goes before another."""

import gzip
from pathlib import Path

from attlas.pipeline.evaluating.differences import ALPHA, SMALLEST_EFFECT, Difference
from attlas.pipeline.evaluating.verdict import Verdict, judge

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "claim-three.md"


def read_sequences(name: str) -> dict[str, str]:
    """Return the sequences of an example file by accession."""
    records = gzip.decompress((ROOT / "examples" / name).read_bytes()).decode().removeprefix(">").split("\n>")
    lines = [record.splitlines() for record in records]
    names = [header.split()[0].removeprefix("sp|").partition("|")[0] for header, *_ in lines]
    return {name: "".join(sequence) for name, (_, *sequence) in zip(names, lines, strict=True)}


def test_the_page_counts_the_proteins_that_both_sets_have() -> None:
    enzymes, bsub = read_sequences("enzymes.fasta.gz"), read_sequences("bsub_enzymes.fasta.gz")
    shared = enzymes.keys() & bsub.keys()
    assert {enzymes[accession] for accession in shared} == set(enzymes.values()) & set(bsub.values())
    assert f"{len(shared)} proteins are in both, with the same sequence" in PAGE.read_text()


def test_an_addition_below_what_is_of_interest_does_not_hold_whatever_its_p() -> None:
    """As the page says: the interval goes before the p value."""
    small = Difference(0.006, 0.002, 0.011, 0.001, 0.01, 0.002)
    assert small.p_holm < ALPHA
    assert small.high < SMALLEST_EFFECT
    assert judge(small, {"letter": small}) is Verdict.FAILS
    page = " ".join(PAGE.read_text().split())
    assert (
        "the claim *does not hold* if the interval ends below 0.02, also where attention adds with p below 0.05" in page
    )
