"""The Jalview exports, read as Jalview's manual has them, and the user's alignment that they follow."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.command_line import Run
from helpers.export_readers import exported, parse_jalview_annotation, parse_jalview_features
from helpers.reading_case import P53, PROTEINS, random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS, Request
from attlas.queries.exports.alignment import AlignedRow, aligned_rows
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

CALM1 = next(protein.sequence for protein in PROTEINS if protein.accession == "P0DP23")


def positions(atlas: Atlas, accession: str) -> list[int]:
    return sorted(atlas.sites(accession)["position"].to_pylist())


def numbers(data: bytes, name: str) -> list[int]:
    return sorted(f[2] for f in parse_jalview_features(data).features if f[1] == name and f[2])


def written(directory: Path, rows: Sequence[tuple[str, str]]) -> Path:
    path = directory / "alignment.fasta"
    width = max(len(letters) for _, letters in rows)
    path.write_text("".join(f">{id} a description\n{letters.ljust(width, '-')}\n" for id, letters in rows))
    return path


def placed(atlas: Atlas, directory: Path, *rows: tuple[str, str]) -> list[AlignedRow]:
    messages: list[str] = []
    return list(aligned_rows(atlas, written(directory, rows), messages.append))


def aligned(atlas: Atlas, format: str, rows: Sequence[AlignedRow]) -> bytes:
    import io

    sink = io.BytesIO()
    accessions = tuple(dict.fromkeys(row.accession for row in rows))
    EXPORTS[format].write(atlas, Request(accessions=accessions, alignment=tuple(rows)), sink)
    return sink.getvalue()


def test_features_are_shaded_by_share_and_say_where_they_are_from(atlas: Atlas) -> None:
    file = parse_jalview_features(exported(atlas, "jalview-features", ["P04637"]))
    assert file.colours["high-attention site"].split("|")[2:] == ["absolute", "0", "1", "none"]
    about, *sites = file.features
    assert about[2:4] == (0, 0), "a feature without a position: Jalview shows it with the name"
    for text in ("3 high-attention sites", "esm2_synthetic", "nayar-2025-05", "ECO:0008006", atlas.manifest.atlas_id):
        assert text in about[0]
    assert {feature[6] for feature in file.features} == {f"attlas {atlas.manifest.atlas_id}"}
    shares = {s["position"]: s["share"] for s in atlas.sites("P04637").to_pylist()}
    assert {feature[2]: feature[5] for feature in sites} == pytest.approx(shares, rel=1e-6)


def test_features_tell_no_sites_from_not_computed(atlas: Atlas) -> None:
    file = parse_jalview_features(
        exported(atlas, "jalview-features", ["Q00001", "Q00002", "Q00003", "Q00004", "Q00005"])
    )
    outcomes = {feature[1]: feature[0].split(";")[0] for feature in file.features if not feature[2]}
    assert outcomes == {
        "Q00001": "computed, no sites found (none above the elbow)",
        "Q00002": "computed, no sites found (too short)",
        "Q00003": "skipped (inner `*`)",
        "Q00004": "failed (out of memory)",
        "Q00005": "45 high-attention sites (40 or more)",
    }


def test_a_line_of_features_never_has_the_columns_of_something_else(atlas: Atlas) -> None:
    lines = exported(atlas, "jalview-features").decode().splitlines()
    assert {len(line.split("\t")) for line in lines} == {2, 6, 7}
    assert lines[2].startswith("STARTGROUP\t")
    assert lines[-1].startswith("ENDGROUP\t")


def test_the_annotation_is_the_profile_over_its_largest(atlas: Atlas) -> None:
    row = parse_jalview_annotation(exported(atlas, "jalview-annotation", ["P04637"]))[0]
    layer = atlas.protein("P04637")["layer"][0].as_py()
    received = [values[layer] for values in atlas.residues("P04637")["received"].to_pylist()]
    assert (row.name, row.start, row.label) == ("P04637", 1, f"attention, layer {layer}")
    assert [column[0] for column in row.columns] == pytest.approx([v / max(received) for v in received], rel=5e-3)
    sites = {s["position"]: s for s in atlas.sites("P04637").to_pylist()}
    marked = {at: column for at, column in enumerate(row.columns, start=1) if column[1]}
    assert {at: column[1] for at, column in marked.items()} == {at: str(s["rank"]) for at, s in sites.items()}
    assert all(column[2].startswith(f"{sites[at]['residue']}{at} rank ") for at, column in marked.items())
    assert {column[3] for column in marked.values()} == {"b30000"}
    assert row.line == pytest.approx(min(s["share"] for s in sites.values()), rel=1e-6)


def test_ranks_of_two_digits_have_a_mark_of_one_character(atlas: Atlas) -> None:
    row = parse_jalview_annotation(exported(atlas, "jalview-annotation", ["Q00005"]))[0]
    assert sorted(column[1] for column in row.columns if column[1]) == sorted([*"123456789", *"+" * 36])


def test_a_protein_without_sites_has_a_profile_and_one_without_a_layer_has_none(atlas: Atlas) -> None:
    rows = parse_jalview_annotation(exported(atlas, "jalview-annotation", ["Q00001", "Q00002", "Q00003"]))
    assert [row.name for row in rows] == ["Q00001"]
    assert rows[0].line is None


def test_ids_are_those_of_the_fasta_export(atlas: Atlas) -> None:
    names = {line[1:].split()[0] for line in exported(atlas, "fasta").decode().splitlines() if line.startswith(">")}
    features = {f[1] for f in parse_jalview_features(exported(atlas, "jalview-features")).features}
    annotated = {row.name for row in parse_jalview_annotation(exported(atlas, "jalview-annotation"))}
    assert names == features - {"Q00003", "Q00004"} == annotated | {"Q00002"}


@pytest.mark.parametrize("id", ["P04637", "sp|P04637|P53_HUMAN", "P53_HUMAN"])
def test_an_alignment_gives_its_own_ids(atlas: Atlas, tmp_path: Path, id: str) -> None:
    gapped = f"--{P53[:100]}----{P53[100:]}-"
    rows = placed(atlas, tmp_path, (id, gapped), ("P0DP23", CALM1))
    assert rows[0] == AlignedRow(id, "P04637", begin=1, number=1, n_residues=393)
    assert numbers(aligned(atlas, "jalview-features", rows), id) == positions(atlas, "P04637")
    assert [row.name for row in parse_jalview_annotation(aligned(atlas, "jalview-annotation", rows))] == [id, "P0DP23"]


def test_a_row_with_a_range_is_numbered_by_it(atlas: Atlas, tmp_path: Path) -> None:
    begin, end = positions(atlas, "P04637")[0] - 3, positions(atlas, "P04637")[1] + 3
    rows = placed(atlas, tmp_path, (f"P53_HUMAN/{begin}-{end}", P53[begin - 1 : end].lower()))
    assert rows == [AlignedRow("P53_HUMAN", "P04637", begin, begin, end - begin + 1)]
    data = aligned(atlas, "jalview-features", rows)
    assert numbers(data, "P53_HUMAN") == positions(atlas, "P04637")[:2]
    assert "3 high-attention sites, 2 in this row" in data.decode()
    row = parse_jalview_annotation(aligned(atlas, "jalview-annotation", rows))[0]
    assert (row.start, len(row.columns)) == (begin, end - begin + 1)
    assert [at + row.start for at, c in enumerate(row.columns) if c[1]] == positions(atlas, "P04637")[:2]


def test_a_piece_without_a_range_is_found_and_numbered_from_1_as_jalview_does(atlas: Atlas, tmp_path: Path) -> None:
    begin = positions(atlas, "P04637")[0] - 5
    rows = placed(atlas, tmp_path, ("P04637", P53[begin - 1 : begin + 30]))
    assert (rows[0].begin, rows[0].number) == (begin, 1)
    data = aligned(atlas, "jalview-features", rows)
    sites = [at for at in positions(atlas, "P04637") if at <= begin + 30]
    assert numbers(data, "P04637") == [at - begin + 1 for at in sites]
    site = next(f for f in parse_jalview_features(data).features if f[2] == 6)
    assert f" {P53[sites[0] - 1]}{sites[0]}," in site[0], "the description has the position in the protein"
    row = parse_jalview_annotation(aligned(atlas, "jalview-annotation", rows))[0]
    assert (row.start, len(row.columns), row.columns[5][2].split()[0]) == (1, 31, f"{P53[sites[0] - 1]}{sites[0]}")


def test_one_protein_may_stand_in_two_rows(atlas: Atlas, tmp_path: Path) -> None:
    rows = placed(atlas, tmp_path, ("P53_HUMAN/1-150", P53[:150]), ("P53_HUMAN/151-393", P53[150:]))
    assert numbers(aligned(atlas, "jalview-features", rows), "P53_HUMAN") == positions(atlas, "P04637")
    assert [row.start for row in parse_jalview_annotation(aligned(atlas, "jalview-annotation", rows))] == [1, 151]


def test_a_row_one_position_off_is_refused_with_both_letters(atlas: Atlas, tmp_path: Path) -> None:
    at = next(i for i in range(10, 300) if P53[i] != P53[i + 1])
    with pytest.raises(QuestionError, match="differ from the sequences") as caught:
        placed(atlas, tmp_path, (f"P04637/{at + 1}-{at + 20}", P53[at + 1 : at + 21]))
    assert caught.value.offenders == (
        f"P04637: {P53[at]} at position {at + 1} of the atlas, {P53[at + 1]} in the alignment",
    )


def test_a_row_of_the_isoform_is_not_taken_for_the_canonical_sequence(tmp_path: Path) -> None:
    sequence = random_sequence(60, 9)
    isoform = sequence[:20] + sequence[31:]
    write_atlas(tmp_path / "a", [SyntheticProtein("P1", sequence), SyntheticProtein("P1-2", isoform)], n_shards=1)
    with Atlas.open(tmp_path / "a") as atlas:
        with pytest.raises(QuestionError, match="differ from the sequences"):
            placed(atlas, tmp_path, ("P1", isoform))
        assert placed(atlas, tmp_path, ("P1-2", isoform))[0].accession == "P1-2"


def test_sequences_that_are_not_aligned_will_do(atlas: Atlas, tmp_path: Path) -> None:
    path = tmp_path / "both.fasta"
    path.write_text(f">P04637\n{P53}\n>P0DP23\n{CALM1}*\n")
    assert [row.n_residues for row in aligned_rows(atlas, path, print)] == [393, 149]


STOCKHOLM = """\
# STOCKHOLM 1.0
#=GF ID calm
#=GS P0DP23 DE Calmodulin
P0DP23             {a}..
CALM2_HUMAN/1-149  {b}--
#=GC seq_cons      {a}--

P0DP23             {c}
CALM2_HUMAN/1-149  {c}
//
P04637             AAAA
"""
CLUSTAL = """\
CLUSTAL O(1.2.4) multiple sequence alignment


P0DP23             {a}-- 60
CALM2_HUMAN/1-149  {b}-- 60
                   ****  . :*

P0DP23             {c} 149
CALM2_HUMAN/1-149  {c} 149
                   ****
"""


@pytest.mark.parametrize("text", [STOCKHOLM, CLUSTAL])
def test_stockholm_and_clustal_are_read_as_well(atlas: Atlas, tmp_path: Path, text: str) -> None:
    path = tmp_path / "alignment"
    path.write_text(text.format(a=CALM1[:60], b=CALM1[:60].lower(), c=CALM1[60:]))
    rows = aligned_rows(atlas, path, print)
    assert [(row.name, row.accession, row.n_residues) for row in rows] == [
        ("P0DP23", "P0DP23", 149),
        ("CALM2_HUMAN", "P0DP24", 149),
    ]


def test_the_command_follows_an_alignment_and_names_what_is_not_in_it(
    attlas: Run, atlas_dir: Path, tmp_path: Path
) -> None:
    path = written(tmp_path, [("sp|P04637|P53_HUMAN", P53), ("MOUSE", "MKT"), ("CALM1_HUMAN/1-149", CALM1)])
    done = attlas("export", atlas_dir, "jalview-features", "--alignment", path)
    assert done.code == 0
    assert {f[1] for f in parse_jalview_features(done.out.encode()).features} == {
        "sp|P04637|P53_HUMAN",
        "CALM1_HUMAN",
    }
    assert "MOUSE" in done.err
    outcome = attlas("export", atlas_dir, "jalview-annotation", "P04637", "Q00005", "--alignment", path)
    assert [row.name for row in parse_jalview_annotation(outcome.out.encode())] == ["sp|P04637|P53_HUMAN"]
    assert "not in the alignment, left out: Q00005" in outcome.err
    none = attlas("export", atlas_dir, "jalview-features", "Q00005", "--alignment", path)
    assert (none.code, none.out) == (1, "")
    assert "None of these proteins is in the alignment" in none.err


def test_the_command_refuses_an_alignment_that_is_of_no_use(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    path = written(tmp_path, [("P04637", P53)])
    done = attlas("export", atlas_dir, "csv", "--alignment", path)
    assert done.code == 1
    assert "csv takes no alignment" in done.err
    assert "jalview-features, jalview-annotation" in done.err
    other = attlas("export", atlas_dir, "jalview-features", "--alignment", written(tmp_path, [("NOPE", "MKT")]))
    assert other.code == 1
    assert "No row of the alignment" in other.err
