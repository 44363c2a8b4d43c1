"""What a model reads for each letter: its own tokens, stand-ins, and proteins that are skipped as there is neither."""

from functools import partial

import pytest
import tokenizers
import torch
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

from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.dry_run import draft_build
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.files import find_model
from attlas.pipeline.model.letters import ESM2_VOCABULARY, has_esm2_vocabulary, make_vocabulary
from attlas.pipeline.model.vocabulary import read_vocabulary
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

    skipped = draft_build(str(source), Options(str(model), device="cpu")).proteins.skipped
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


def read_pieces(read, merges=("M K", "MK T", "L L")):
    return read(transformers.RobertaConfig(**SIZES), partial(save_byte_level_vocabulary, merges=merges))


def test_tokens_of_several_residues_are_those_of_the_models_own_tokenizer(read, tmp_path):
    vocabulary = read_pieces(read)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for sequence in ("MKTAYLLLKMKW", "ACDEFGHIKLMNPQRSTVWY", "MKT", "W"):
        assert vocabulary.token_ids(sequence).tolist() == tokenizer(sequence)["input_ids"]
        assert vocabulary.count_tokens(sequence) == len(tokenizer(sequence)["input_ids"]) - 2
    assert vocabulary.find_places("MKTALLW") == [0, 1, 1, 1, 2, 3, 3, 4, 5]
    assert vocabulary.mapping == "J as X, residues_per_token 1 to 3"
    assert vocabulary.token_ids("MJT").tolist() == vocabulary.token_ids("MXT").tolist()


def test_tokens_of_several_residues_without_x_do_not_read_a_rare_letter_as_unknown(read):
    vocabulary = read(transformers.BertConfig(**SIZES), save_words("MKT", "WW"))
    assert vocabulary.is_of_pieces
    assert vocabulary.reason_to_skip("MKUX") == "this model has no token for U (position 3), nor for X"


def test_a_protein_is_too_long_by_its_tokens_not_by_its_residues(tmp_path):
    model = tmp_path / "model"
    save_random_model(transformers.RobertaConfig(**{**SIZES, "max_position_embeddings": 34}), model)
    save_byte_level_vocabulary(model, merges=["M K", "MK T"])
    source = write_fasta(tmp_path / "a.fasta", {"P1": "MKT" * 30, "P2": "MKT" * 31, "P3": "MKT" * 20 + "W" * 11})
    proteins, plan = draft_plan(str(source), Options(str(model), device="cpu"))
    assert {row["accession"]: row["reason"] for rows in proteins.proteins() for row in rows.to_pylist()} == {
        "P1": None,
        "P2": "longer than the 30 tokens this model's positions reach: 31 tokens",
        "P3": "longer than the 30 tokens this model's positions reach: 31 tokens",
    }
    assert (plan.run.attention, plan.run.letters) == ("hooked", "J as X, residues_per_token 1 to 3")


def test_what_a_token_receives_is_shared_out_evenly_over_its_residues(tmp_path):
    save_random_model(transformers.RobertaConfig(**SIZES), tmp_path)
    save_byte_level_vocabulary(tmp_path, merges=["M K", "MK T"])
    encoder = Encoder(find_model(str(tmp_path)), device="cpu", dtype="float32", theta=0.3, attention="hooked")
    sequence = "WMKTAMKTYMK"
    (answer,) = encoder.encode([sequence])

    ids = torch.from_numpy(encoder.vocabulary.token_ids(sequence))[None]
    model = transformers.AutoModel.from_pretrained(tmp_path, attn_implementation="eager").eval()
    with torch.inference_mode():
        layers = torch.stack(model(input_ids=ids, output_attentions=True).attentions)[:, 0].mean(1)  # (L, K, K)
    n_residues = torch.tensor([1, 3, 1, 3, 1, 2])
    of_tokens = (layers[:, 1:-1, 1:-1] * n_residues[:, None]).sum(1)  # every residue asks as its token does

    for profile, tokens in zip(answer.received, of_tokens, strict=True):
        parts = torch.split(torch.from_numpy(profile), n_residues.tolist())
        torch.testing.assert_close(torch.stack([part.sum() for part in parts]), tokens)
        assert all(part.max() - part.min() < 1e-6 for part in parts)


def save_words(*words, special=("<cls>", "<eos>", "<pad>"), unknown="<unk>"):
    """Return a function that saves a tokenizer of letters, special tokens and whole words."""

    def save(directory):
        ids = {token: i for i, token in enumerate([*special, unknown or "<unused>", *LETTERS, *words])}
        model = tokenizers.models.WordLevel(ids, **({"unk_token": unknown} if unknown else {}))
        tokenizer = tokenizers.Tokenizer(model)
        pattern = "|".join([*words, "."])
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
        names = dict(zip(("cls_token", "eos_token", "pad_token"), special, strict=True))
        names |= {"unk_token": unknown} if unknown else {}
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(directory)

    return save


SPELLED_IN_LETTERS = ("CLS", "SEP", "PAD")


def test_special_tokens_spelled_in_letters_of_residues_are_no_tokens_of_several_residues(read):
    vocabulary = read(transformers.BertConfig(**SIZES), save_words(special=SPELLED_IN_LETTERS))
    assert not vocabulary.is_of_pieces
    tokens = {letter: i for i, letter in enumerate(LETTERS, start=4)}
    assert vocabulary.token_ids("MKSEPAW").tolist() == [tokens[letter] for letter in "MKSEPAW"]


def test_tokens_of_several_residues_beside_special_tokens_spelled_in_letters_are_refused(read):
    with pytest.raises(EnvironmentFault, match="one token a residue"):
        read(transformers.BertConfig(**SIZES), save_words("MKT", "WW", special=SPELLED_IN_LETTERS))


def test_a_byte_pair_encoding_that_leaves_out_merges_at_random_is_refused(read):
    def save(directory):
        ids = {token: i for i, token in enumerate(["<unk>", *LETTERS, "MK"])}
        model = tokenizers.models.BPE(ids, [("M", "K")], dropout=0.1, unk_token="<unk>")
        tokenizer = tokenizers.Tokenizer(model)
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(directory)

    with pytest.raises(EnvironmentFault, match=r"at random(.|\n)*dropout 0\.1"):
        read(transformers.BertConfig(**SIZES), save)


def test_a_tokenizer_without_an_unknown_token_that_cannot_read_pairs_is_refused_by_name(read):
    """Its words are all pairs that begin with A; `MW` is cut out whole, and is none of its tokens."""

    def save(directory):
        ids = {token: i for i, token in enumerate(["<cls>", "<eos>", *LETTERS, *("A" + letter for letter in LETTERS)])}
        tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<none>"))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(".{2}"), "isolated")
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(directory)

    with pytest.raises(EnvironmentFault, match="is not that of a protein model"):
        read(transformers.BertConfig(**SIZES), save)
