"""Two sequences joined: every token and its position, where the chains are, and which models refuse which form."""

from pathlib import Path

import pytest
from helpers.architectures import ARCHITECTURES, LETTERS
from helpers.building import build_here, write_fasta
from helpers.pair_passes_here import add_pairs_here
from helpers.sealed_atlas import query_rows

from attlas.pipeline.encoder.guard import make_known_protein
from attlas.pipeline.model.letters import ESM2_TOKENS, ESM2_VOCABULARY
from attlas.pipeline.pairs.joining import FORMS, JoinedInput, count_joined_tokens, join_sequences
from attlas.schema import EnvironmentFault, InputError


def join(sequence: str, partner: str, form: str, gap: int = 100) -> JoinedInput:
    return join_sequences((sequence, partner), form, vocabulary=ESM2_VOCABULARY, filler=0, gap=gap)


def words_of(joined: JoinedInput) -> str:
    return " ".join(ESM2_TOKENS[token] for token in joined.tokens.ids)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("gap", "<cls> M K L V W <eos>"),
        ("linker", f"<cls> M K {'G ' * 25}L V W <eos>"),
        ("ends", "<cls> M K <eos> <cls> L V W <eos>"),
        ("separators", "<cls> M K <eos> <eos> L V W <eos>"),
    ],
)
def test_a_form_sets_these_tokens_between_two_sequences(form: str, words: str) -> None:
    joined = join("MK", "LVW", form)
    assert words_of(joined) == words
    assert len(joined) == count_joined_tokens(5, form)
    tokens = [ESM2_TOKENS[token] for token in joined.tokens.ids]
    assert ["".join(tokens[chain]) for chain in joined.chains] == ["MK", "LVW"]
    assert "".join(tokens[joined.linker]) == ("G" * 25 if form == "linker" else "")


def test_a_gap_moves_the_positions_of_the_second_sequence_and_of_what_follows_it() -> None:
    assert join("MK", "LVW", "gap").tokens.positions.tolist() == [0, 1, 2, 103, 104, 105, 106]
    assert join("MK", "LVW", "gap", gap=0).tokens.positions.tolist() == list(range(7))
    for form in set(FORMS) - {"gap"}:
        joined = join("MK", "LVW", form)
        assert joined.tokens.positions.tolist() == list(range(len(joined)))


# Models that are not like ESM-2


def build_model(folder: Path, name: str, proteins: dict[str, str]) -> Path:
    model = next(architecture for architecture in ARCHITECTURES if architecture.name == name).save(folder / "model")
    build_here(write_fasta(folder / "p.fasta", proteins), folder / "atlas", model)
    (folder / "pairs.tsv").write_text("A\tB\nB\tC\n")
    return folder / "atlas"


@pytest.mark.thorough
@pytest.mark.slow
def test_a_model_of_learned_positions_has_no_gap_and_skips_pairs_that_are_too_long(tmp_path: Path) -> None:
    proteins = {"A": LETTERS, "B": LETTERS[::-1], "C": make_known_protein(490)}
    out = build_model(tmp_path, "BERT", proteins)
    with pytest.raises(InputError, match="The form `gap` needs rotary positions"):
        add_pairs_here(out, forms="gap,linker")
    add_pairs_here(out, forms=None)  # the linker is its default
    rows = query_rows(out, "SELECT forms, reason FROM pairs ORDER BY line")
    assert rows == [
        {"forms": "linker", "reason": None},
        {"forms": "", "reason": "537 tokens in the form linker, more than the 512 that the positions reach"},
    ]


@pytest.mark.thorough
@pytest.mark.slow
def test_a_model_without_a_begin_token_takes_a_linker_alone(tmp_path: Path) -> None:
    out = build_model(tmp_path, "T5", {"A": LETTERS, "B": LETTERS[::-1], "C": LETTERS * 2})
    with pytest.raises(InputError, match="needs rotary positions"):
        add_pairs_here(out, forms="gap")
    with pytest.raises(EnvironmentFault, match=r"form ends sets .*begin and end tokens"):
        add_pairs_here(out, forms="ends")
    add_pairs_here(out, forms="linker")


@pytest.mark.thorough
@pytest.mark.slow
def test_a_model_that_is_read_by_its_own_maps_is_refused_by_name(tmp_path: Path) -> None:
    out = build_model(tmp_path, "MegatronBERT", {"A": LETTERS, "B": LETTERS[::-1], "C": LETTERS * 2})
    with pytest.raises(EnvironmentFault, match="is read by its own maps"):
        add_pairs_here(out, forms="linker")


@pytest.mark.slow
@pytest.mark.parametrize("forms", ["gap,gap", "middle", "", "gap linker knot"])
def test_forms_that_are_none_are_refused(tmp_path: Path, tiny_esm: Path, forms: str) -> None:
    build_here(write_fasta(tmp_path / "p.fasta", {"A": LETTERS}), tmp_path / "atlas", tiny_esm)
    (tmp_path / "pairs.tsv").write_text("A\tA\n")
    with pytest.raises(InputError, match="names no forms of joining"):
        add_pairs_here(tmp_path / "atlas", forms=forms)
