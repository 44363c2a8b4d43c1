"""The GPUs of a machine, and which of them a process uses; counting them uses none."""

import ctypes
import fcntl
import importlib.util
import os
import re
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from attlas.schema import EnvironmentFault

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Variable that names the GPUs that a process may use, by number or UUID; all of them if it is not set."""

NVML_SUCCESS = 0

_claims: list[IO[str]] = []
"""The open file that marks this process's GPU as its own, until the process ends."""


def count_gpus() -> int:
    """Return the number of GPUs that this process may use; torch is imported only if it was built for GPUs.

    torch asks the driver's library (NVML), so that no GPU is used and a process may fork afterwards.
    """
    if not _is_built_for_gpus():
        return 0
    import torch

    return torch.cuda.device_count()


def read_capabilities() -> list[tuple[int, int]]:
    """Return the compute capability of every GPU of this machine, as the driver's library (NVML) says.

    No GPU is used. The list is empty where there is no such library, as with a GPU that is not Nvidia's.
    """
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    if nvml.nvmlInit_v2() != NVML_SUCCESS:
        return []

    try:
        n_gpus = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(n_gpus))
        capabilities = [_read_capability(nvml, number) for number in range(n_gpus.value)]
        return [capability for capability in capabilities if capability is not None]
    finally:
        nvml.nvmlShutdown()


def _read_capability(nvml: ctypes.CDLL, number: int) -> tuple[int, int] | None:
    """Return the compute capability of a GPU, by its number; None where the driver does not say."""
    handle, major, minor = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle)) != NVML_SUCCESS:
        return None
    status = nvml.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor))
    return (major.value, minor.value) if status == NVML_SUCCESS else None


def list_gpus(n_gpus: int) -> list[str]:
    """Return the name of each GPU of this process, as `CUDA_VISIBLE_DEVICES` has it."""
    visible = os.environ.get(VISIBLE)
    names = [str(i) for i in range(n_gpus)] if visible is None else [name.strip() for name in visible.split(",")]
    return names[:n_gpus]


def claim_gpu() -> None:
    """Restrict this process to one GPU that no other process of attlas has claimed, if it could use several.

    This comes before the first use of a GPU, because CUDA reads the variable then. Otherwise workers that a user
    started side by side would all use the first card. If every GPU is claimed, processes share them evenly.
    """
    names = list_gpus(count_gpus())
    if len(names) < 2 or _claims:
        return

    folder = _make_claims_folder()
    for n_sharing in range(len(names)):
        for name in names:
            if _claim(folder / f"{name.replace('/', '_')}.{n_sharing}"):
                os.environ[VISIBLE] = name
                return


def _make_claims_folder() -> Path:
    """Return the folder of this user's claims on this machine; make it if it is not there.

    Another user may have made a folder of that name in the temporary folder. Then all processes of this user take the
    cache of the user instead, which several machines may share.

    Raises:
        EnvironmentFault: neither can be used.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attlas"
    folders = [Path(tempfile.gettempdir()) / f"attlas-gpus-{os.getuid()}", cache / f"gpus-{socket.gethostname()}"]
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(folder):
                return folder

    raise EnvironmentFault(
        "There is no folder in which processes can claim a GPU each.",
        expected="a folder of this user, not a link, to which nobody else may write",
        offenders=list(map(str, folders)),
        hint="remove the first, or point TMPDIR to a folder of your own",
    )


def _is_private(folder: Path) -> bool:
    """Return whether a path is a folder of this user, not a link, to which nobody else may write."""
    status = folder.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return is_own and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _claim(path: Path) -> bool:
    """Lock a file until this process ends; return False if another process has locked it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _claims.append(file)
    return True


def _is_built_for_gpus() -> bool:
    """Return whether torch was built for CUDA or ROCm, as its version file says, without importing it."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    text = (Path(spec.submodule_search_locations[0]) / "version.py").read_text()
    settings = dict(re.findall(r"^(cuda|hip)\b[^=]*= *(.*)$", text, re.MULTILINE))
    return any(value.strip() != "None" for value in settings.values()) or not settings
