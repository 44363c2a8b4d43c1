"""Download a model to this machine, once: the only part of the workshop that uses the network."""

from pathlib import Path

from attlas.schema import EnvironmentFault

NEEDED = ("*.json", "vocab.txt", "*.model", "model*.safetensors", "*.safetensors.index.json")
"""Files of a hub model that loading needs, with the weights as safetensors."""

OLDER_WEIGHTS = ("pytorch_model*.bin",)
"""Weights that are needed where there are no safetensors."""


def fetch_model(model: str, *, revision: str | None = None, to: Path | None = None) -> Path:
    """Download a model from the hub and return its directory.

    Args:
        model: hub id, such as `facebook/esm2_t33_650M_UR50D`.
        revision: branch, tag or commit; None takes the hub's main branch.
        to: directory for the files, to be copied to another machine; None: the cache of the hub, where `build`
            finds the model by its id.

    Raises:
        EnvironmentFault: the hub cannot be reached, or has no such model or revision.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        names = HfApi().list_repo_files(model, revision=revision)
        has_safetensors = any(name.endswith(".safetensors") for name in names)
        patterns = NEEDED if has_safetensors else NEEDED + OLDER_WEIGHTS
        directory = snapshot_download(model, revision=revision, local_dir=to, allow_patterns=list(patterns))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise EnvironmentFault(
            f"The model {model} could not be fetched.",
            expected="a model of the hub" + (f" with revision {revision}" if revision else ""),
            found=f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else 'no message'}",
            hint="check the name and the connection; without internet, copy a model directory and give --model DIR",
        ) from error
    except Exception as error:
        # The hub's client lets errors of its HTTP library through, and changes that library between versions.
        if type(error).__module__.split(".")[0] in ("httpx", "httpcore", "requests", "urllib3", "httpx2", "httpcore2"):
            raise EnvironmentFault(
                f"The model {model} could not be fetched.",
                found=f"{type(error).__name__}: {error}",
                hint="check the connection; without internet, copy a model directory and give --model DIR",
            ) from error
        raise
    return Path(directory)
