"""What a model reads for each letter: its own tokens, stand-ins, and proteins that are skipped as there is neither."""

from functools import partial

import pytest
import transformers
from helpers.architectures import (
    LETTERS,
    SIZES,
    save_bert_vocabulary,
    save_byte_level_vocabulary,
    save_random_model,
    save_single_letters,
    save_vocabulary_without,
)
from helpers.building import assert_whole, build_here, proteins_of, write_fasta
from helpers.tiny_esm import save_vocabulary

from attlas.pipeline.build import Options, draft_plan, estimate_build
from attlas.pipeline.encoder import Encoder
from attlas.pipeline.letters import ESM2_VOCABULARY, has_esm2_vocabulary, make_vocabulary
from attlas.pipeline.model import find_model
from attlas.pipeline.vocabulary import read_vocabulary
from attlas.schema import EnvironmentFault

OWN = {letter: i for i, letter in enumerate(LETTERS, start=4)}


@pytest.fixture
def read(tmp_path):
    """Return the vocabulary of a model of a configuration, whose tokenizer a function saves."""

    def read_saved(config, save_tokenizer):
        config.save_pretrained(tmp_path)
        (tmp_path / "model.safetensors").touch()  # never read: a vocabulary needs no weights
        save_tokenizer(tmp_path)
        return read_vocabulary(find_model(str(tmp_path)))

    return read_saved


def esm():
    return transformers.EsmConfig(**SIZES, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary")


def test_esm2_reads_every_letter_but_j_which_it_reads_as_x(read, tmp_path):
    vocabulary = read(esm(), save_vocabulary)
    assert vocabulary == ESM2_VOCABULARY
    assert has_esm2_vocabulary(tmp_path)
    assert vocabulary.mapping == "J as X"
    assert vocabulary.token_ids("MJK").tolist() == vocabulary.token_ids("MXK").tolist()


@pytest.mark.parametrize("name", ["tokenizer.json", "added_tokens.json"])
def test_a_tokenizer_with_more_files_is_not_taken_for_that_of_esm2(read, tmp_path, name):
    read(esm(), save_vocabulary)
    (tmp_path / name).write_text("{}")
    assert not has_esm2_vocabulary(tmp_path)


def test_other_letters_that_a_vocabulary_lacks_are_read_as_x(read, tmp_path):
    vocabulary = read(esm(), save_vocabulary_without("B", "U"))
    assert not has_esm2_vocabulary(tmp_path)
    assert vocabulary.mapping == "B as X, J as X, U as X"
    assert len(set(vocabulary.token_ids("BUJX")[1:-1])) == 1


def test_without_x_they_are_read_as_the_unknown_token(read):
    vocabulary = read(esm(), save_vocabulary_without("X"))
    assert vocabulary.mapping == "J as <unk>, X as <unk>"
    assert vocabulary.token_ids("XJU").tolist() == [0, 3, 3, 26, 2]


def test_a_bert_that_wants_blanks_reads_rare_letters_as_x_as_the_authors_of_protbert_do(read):
    vocabulary = read(transformers.BertConfig(**SIZES), save_bert_vocabulary)
    assert vocabulary.mapping == "B as X, J as X, O as X, U as X, Z as X"
    assert len(set(vocabulary.token_ids("XUZOBJ")[1:-1])) == 1


def test_a_roberta_of_single_letters_reads_its_own_rare_letters(read):
    assert read(transformers.RobertaConfig(**SIZES), save_byte_level_vocabulary).mapping == "J as X"


def test_without_any_stand_in_a_letter_is_a_reason_to_skip():
    vocabulary = make_vocabulary(OWN, before=(0,), after=(2,), unknown=None)
    assert vocabulary.unreadable == "XBZUOJ"
    assert vocabulary.mapping.startswith("B as nothing (skipped), J as nothing (skipped)")
    assert vocabulary.reason_to_skip("MKV") is None
    assert vocabulary.reason_to_skip("MKUVX") == "this model has no token for U (position 3), nor for unknown residues"


def test_proteins_with_letters_that_a_model_cannot_be_given_are_skipped_when_a_build_is_planned(tmp_path):
    model = tmp_path / "model"
    save_random_model(esm(), model)
    save_single_letters(model, lacking="XBUZO", has_unknown=False)
    source = write_fasta(tmp_path / "a.fasta", {"P1": "MKWVTFISLL", "P2": "MKUVTFISLL"})
    reason = "this model has no token for U (position 3), nor for unknown residues"

    _, skipped = estimate_build(str(source), Options(str(model), device="cpu"), n_workers=0)
    assert [(protein.accession, protein.reason) for protein in skipped] == [("P2", reason)]

    build_here(source, tmp_path / "atlas", model)
    manifest = assert_whole(tmp_path / "atlas")
    assert manifest.run.letters.startswith("B as nothing (skipped)")
    assert {name: row["reason"] for name, row in proteins_of(tmp_path / "atlas").items()} == {"P1": None, "P2": reason}


def test_a_run_records_the_letters_and_the_bound_of_the_guard(tmp_path, tiny_esm):
    source = write_fasta(tmp_path / "a.fasta", {"P1": "MKWVTFISLL"})
    runs = [
        draft_plan(str(source), Options(str(tiny_esm), device="cpu", dtype=dtype))[1].run
        for dtype in ("float32", "bfloat16")
    ]
    assert [(run.letters, run.attention_bound) for run in runs] == [("J as X", 1e-3), ("J as X", 0.25)]


@pytest.mark.parametrize(
    ("save_tokenizer", "message"),
    [
        (save_vocabulary_without("W", "K"), "found:    none for K, W"),
        (save_vocabulary_without("<unk>", "W"), "is not that of a protein model"),
        (partial(save_byte_level_vocabulary, merges=["L L"]), r"one token a residue, that of its letter: \S+ for"),
        (partial(save_byte_level_vocabulary, merges=["M K", "MK T"]), "one token a residue"),
    ],
)
def test_a_vocabulary_that_does_not_read_single_residues_is_refused_before_anything_is_planned(
    tmp_path, save_tokenizer, message
):
    model = tmp_path / "model"
    save_random_model(transformers.RobertaConfig(**SIZES), model)
    save_tokenizer(model)
    source = write_fasta(tmp_path / "a.fasta", {"P1": "MKWVTFISLL"})
    with pytest.raises(EnvironmentFault, match=message):
        draft_plan(str(source), Options(str(model), device="cpu"))


@pytest.mark.parametrize("word", ["MKT", "LLLL", "ACDEFGHIKLMNPQRSTVWY"])
def test_a_vocabulary_with_a_word_of_letters_is_refused_though_it_has_every_letter(read, word):
    """WordPiece takes the longest word it has; no pair of letters need be one."""

    def save_with_word(directory):
        save_bert_vocabulary(directory, letters=LETTERS)
        tokens = (directory / "vocab.txt").read_text().split()
        (directory / "vocab.txt").write_text("\n".join([*tokens, word, *(f"##{letter}" for letter in LETTERS)]))

    with pytest.raises(EnvironmentFault, match="one token a residue"):
        read(transformers.BertConfig(**SIZES), save_with_word)


def test_the_tokens_of_a_sequence_are_those_of_the_models_own_tokenizer(tmp_path):
    save_random_model(transformers.BertConfig(**SIZES), tmp_path)
    save_bert_vocabulary(tmp_path)
    encoder = Encoder(find_model(str(tmp_path)), device="cpu", dtype="float32", theta=0.3)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    published = "M K X X X X V"  # as the model card of ProtBert prepares MKUZOBV
    assert encoder.vocabulary.token_ids("MKUZOBV").tolist() == tokenizer(published)["input_ids"]
