"""Takes GPUs for the life of a process: Snakemake says how many a job may have, not which.

A slot is a lock file that its process holds until it ends, however it ends: the kernel releases it. The lock files of
all users lie in one folder of the machine, so that no two jobs take one GPU. Nothing is ever written to them. This
module must not import torch, which may look for devices when it is imported.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from dst_robustness.jobs.locks import open_shared, try_lock

log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # of the machine; TMPDIR differs from job to job
# Inside an allocation the scheduler has already kept other jobs away, and numbers the devices anew for each of them.
ALLOCATIONS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


def take_gpus(count: int, *, per_gpu: int = 1) -> list[str]:
    """Wait for ``count`` free GPUs, keep them until this process ends and show no others to CUDA.

    Call it before torch is imported. Where the machine has no GPU nothing is asked and the list is empty; with
    ``count`` 0 those that are there are hidden.

    Args:
        count: GPUs that this process needs, all of them different ones.
        per_gpu: how many processes may share one GPU; the same for all that run at once.

    Returns:
        The names as they stand in CUDA_VISIBLE_DEVICES.

    Raises:
        ValueError: more GPUs are needed than are visible.
    """
    devices = visible_gpus()
    if count > len(devices) > 0:
        raise ValueError(f"{count} GPUs are asked for; visible here: {', '.join(devices)}; lower gpus_per_run")
    taken = _wait(devices, count, per_gpu) if devices and count else []
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
        print(f"computing on GPU {', '.join(taken) or 'none'} out of {', '.join(devices)}", flush=True)
    return taken


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES where it is set, else all.

    The names are indices or UUIDs (``GPU-...``, ``MIG-...``). As CUDA does, the list ends at the first invalid name.
    """
    outer = os.environ.get("CUDA_VISIBLE_DEVICES")
    if outer is None:
        return installed_gpus()
    names = [name.strip() for name in outer.split(",")]
    valid = [bool(re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name)) for name in names]
    return list(dict.fromkeys(names[: valid.index(False)] if False in valid else names))


def installed_gpus() -> list[str]:
    """Return the UUIDs of all GPUs of the machine; of one that is split by MIG, those of its parts."""
    if shutil.which("nvidia-smi"):
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    else:
        files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        listing = "\n".join(file.read_text(encoding="utf-8") for file in files)
    names = re.findall(r"UUID: *((?:GPU|MIG)-[\w/-]+)", listing)
    split = {gpu for gpu, part in pairwise(names) if gpu[:3] == "GPU" and part[:3] == "MIG"}
    return [name for name in names if name not in split]


def lock_folder() -> Path:
    """Return the folder of the machine in which all users may make files. It belongs to root, not to a user."""
    folder = next((folder for folder in FOLDERS if os.access(folder, os.W_OK | os.X_OK)), None)
    if folder is None:
        raise OSError(f"the lock files of the GPUs need a folder: make one of {', '.join(map(str, FOLDERS))} writable")
    return folder


def _wait(devices: Sequence[str], count: int, per_gpu: int) -> list[str]:
    folder, installed = lock_folder(), installed_gpus()
    names = {device: _full_name(device, installed) for device in devices}
    # One after the other among those that see the same devices: who needs two is not overtaken for ever.
    turn = _open(folder, f"turn-{','.join(names.values())}")
    free = try_lock(turn, folder / "turn")
    if not free or not (taken := _try(folder, names, count, per_gpu)):
        print(f"waiting for {count} of the GPUs {', '.join(devices)}: other jobs have them", flush=True)
        if not free:
            fcntl.flock(turn, fcntl.LOCK_EX)
        while not (taken := _try(folder, names, count, per_gpu)):
            time.sleep(POLL_SECONDS)
    os.close(turn)
    return list(taken)


def _full_name(device: str, installed: Sequence[str]) -> str:
    """Return the UUID behind an index or a shortened UUID, so that both ways of naming a GPU lead to one lock."""
    if device.isdigit():
        return installed[int(device)] if int(device) < len(installed) else device
    return next((name for name in installed if name.startswith(device)), device)


def _try(folder: Path, names: Mapping[str, str], count: int, per_gpu: int) -> dict[str, int]:
    """Return the open lock files, by device, of ``count`` devices, or nothing; empty devices come before shared ones.

    Nothing is kept where there are too few: who sees other devices could be waiting for it.
    """
    taken: dict[str, int] = {}
    for share in range(per_gpu):
        for device, name in names.items():
            if device not in taken and len(taken) < count:
                slot = _open(folder, f"{name}-{share}")
                if try_lock(slot, folder / name):
                    taken[device] = slot  # stays open, and so locked, until the process ends
                else:
                    os.close(slot)
    if len(taken) == count:
        return taken
    for slot in taken.values():
        os.close(slot)
    return {}


def _open(folder: Path, name: str) -> int:
    """Open a lock file of this machine, or of this allocation where a scheduler made one.

    What another user has put in its place is not used: this user's jobs then have a file of their own.
    """
    name = "-".join([name, *(os.environ[key] for key in ALLOCATIONS if key in os.environ)])
    if len(name) > 100 or "/" in name:  # no name for a file
        name = hashlib.sha256(name.encode()).hexdigest()[:32]
    shared = folder / f"dst-robustness-gpu-{name}"
    try:
        return open_shared(shared)
    except OSError as error:
        _warn(shared, error.strerror)
        return open_shared(f"{shared}-{os.getuid()}")


@cache
def _warn(path: Path, reason: str) -> None:
    log.warning("%s is not used (%s): other users' jobs may take the same GPU", path, reason)
