"""Reserve GPUs for a process. Snakemake says how many a job may have, but not which.

A process holds a lock file for each GPU until it ends. The kernel releases the lock, however the process ends. The lock
files of all users are in one folder of the machine, so that no two jobs take the same GPU. Nothing is ever written to
them. This module must not import torch, since torch may look for GPUs when it is imported.
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
FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # the same for all jobs of a machine, which TMPDIR is not
# In an allocation the scheduler keeps other jobs away, and each allocation numbers its GPUs from 0.
ALLOCATIONS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


def take_gpus(count: int, *, per_gpu: int = 1) -> list[str]:
    """Wait for ``count`` free GPUs, keep them until this process ends, and hide all others from CUDA.

    Call this before torch is imported. On a machine without a GPU it returns an empty list. With ``count`` 0 it hides
    all GPUs.

    Args:
        count: how many different GPUs this process needs.
        per_gpu: how many processes may share one GPU; the same for all that run at the same time.

    Returns:
        The names of the GPUs, as they now stand in CUDA_VISIBLE_DEVICES.

    Raises:
        ValueError: if more GPUs are needed than are visible.
    """
    devices = visible_gpus()
    if count > len(devices) > 0:
        raise ValueError(f"{count} GPUs are needed, but only {', '.join(devices)} is visible; lower gpus_per_run")
    taken = _wait(devices, count, per_gpu) if devices and count else []
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
        print(f"computing on GPU {', '.join(taken) or 'none'} out of {', '.join(devices)}", flush=True)
    return taken


def threads_beside_gpus(cores: int, places: int, *, decodes: bool) -> int:
    """Return the threads of a job on a GPU: one, or its share of the cores if it decodes samples stored as JPEG.

    One more share is left for the jobs without a GPU.

    Args:
        cores: of the machine.
        places: number of jobs that may be on GPUs at the same time; 0 if nobody said.
        decodes: whether the job decodes samples.
    """
    return max(1, cores // (places + 1)) if places and decodes else 1


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use: those in CUDA_VISIBLE_DEVICES if it is set, else all.

    The names are indices or UUIDs (``GPU-...``, ``MIG-...``). As CUDA does, the list ends at the first invalid name.
    """
    outer = os.environ.get("CUDA_VISIBLE_DEVICES")
    if outer is None:
        return installed_gpus()
    names = [name.strip() for name in outer.split(",")]
    valid = [bool(re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name)) for name in names]
    return list(dict.fromkeys(names[: valid.index(False)] if False in valid else names))


def installed_gpus() -> list[str]:
    """Return the UUIDs of all GPUs of the machine. A GPU that is split by MIG is replaced by its parts."""
    if shutil.which("nvidia-smi"):
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    else:
        files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        listing = "\n".join(file.read_text(encoding="utf-8") for file in files)
    names = re.findall(r"UUID: *((?:GPU|MIG)-[\w/-]+)", listing)
    split = {gpu for gpu, part in pairwise(names) if gpu[:3] == "GPU" and part[:3] == "MIG"}
    return [name for name in names if name not in split]


def lock_folder() -> Path:
    """Return the folder of the machine in which all users can create files. It belongs to root."""
    folder = next((folder for folder in FOLDERS if os.access(folder, os.W_OK | os.X_OK)), None)
    if folder is None:
        raise OSError(f"no folder for the lock files of GPUs: make one of {', '.join(map(str, FOLDERS))} writable")
    return folder


def _wait(devices: Sequence[str], count: int, per_gpu: int) -> list[str]:
    folder, installed = lock_folder(), installed_gpus()
    names = {device: _full_name(device, installed) for device in devices}
    # Processes that see the same GPUs take turns, so that one that needs two is not overtaken for ever.
    turn = _open(folder, f"turn-{','.join(names.values())}")
    free = try_lock(turn, folder / "turn")
    if not free or not (taken := _try(folder, names, count, per_gpu)):
        print(f"waiting for {count} of the GPUs {', '.join(devices)}: other jobs use them", flush=True)
        if not free:
            fcntl.flock(turn, fcntl.LOCK_EX)
        while not (taken := _try(folder, names, count, per_gpu)):
            time.sleep(POLL_SECONDS)
    os.close(turn)
    return list(taken)


def _full_name(device: str, installed: Sequence[str]) -> str:
    """Return the UUID of a GPU named by index or by a shortened UUID, so that all names lead to the same lock."""
    if device.isdigit():
        return installed[int(device)] if int(device) < len(installed) else device
    return next((name for name in installed if name.startswith(device)), device)


def _try(folder: Path, names: Mapping[str, str], count: int, per_gpu: int) -> dict[str, int]:
    """Lock ``count`` GPUs and return their open lock files by name; return nothing if too few are free.

    Unused GPUs come before shared ones. If too few are free, none is kept, since another process may be waiting for it.
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
    """Open a lock file of this machine, or of this allocation inside a scheduler.

    If another user has put something else in its place, this user's jobs share a file of their own.
    """
    name = "-".join([name, *(os.environ[key] for key in ALLOCATIONS if key in os.environ)])
    if len(name) > 100 or "/" in name:  # not usable as the name of a file
        name = hashlib.sha256(name.encode()).hexdigest()[:32]
    shared = folder / f"dst-robustness-gpu-{name}"
    try:
        return open_shared(shared)
    except OSError as error:
        _warn(shared, error.strerror)
        return open_shared(f"{shared}-{os.getuid()}")


@cache
def _warn(path: Path, reason: str) -> None:
    log.warning("cannot use %s (%s): other users' jobs may take the same GPU", path, reason)
