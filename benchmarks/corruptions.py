"""Time the nineteen image corruptions side by side with imagecorruptions, on one core, in the same run.

    python -P benchmarks/corruptions.py [--figure docs/figures/corruption_speed.png] [--rounds 5]
    python -P benchmarks/corruptions.py --threads 1 2
    python -P benchmarks/corruptions.py --memory 2000 4000

Both get the same images and severity 3; calls alternate, and the median of the rounds counts, in processor time.
imagecorruptions 1.1.2 does not run on current libraries as it is: the names that it misses are put back here
(pkg_resources, numpy.float_, scikit-image's multichannel). It knows the constants of ImageNet only, so at 32 pixels it
works with those. The column "2018" is the benchmark's own code on the library versions of its time, measured once on
another machine (ms an image). No package offers those of C-bar and 3DCC to compare with: they stand alone.

``--threads`` times the nineteen in threads of one process and in processes side by side, which is how the workflow runs
them, on the clock: the machine must be idle. ``--memory`` makes JPEG-encoded sets of so many images with the function
that the workflow's jobs call, each in a process of its own, and prints the peak of its memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dst_robustness.corruptions import CONSTANTS, IMAGE_CORRUPTIONS, corrupt_images
from dst_robustness.jobs.files import atomic_path
from dst_robustness.sets.corrupt import generate_corrupted
from dst_robustness.sets.storage import JPEG_QUALITY, create_hdf5, write_samples

SEVERITY = 3
SIZES = {"cifar": (32, 500), "imagenet": (224, 16)}
# What a job holds in memory differs most between these: pixel by pixel, fields of float32, layers of enlarged images.
MEMORY_OF = ("gaussian_noise", "elastic_transform", "zoom_blur")
# In the order of the registry.
REFERENCE_2018 = {
    "cifar": (0.091, 0.21, 0.17, 0.20, 3.07, 1.61, 2.28, 1.53, 4.82, 0.44, 0.40, 0.053, 0.58, 0.037, 0.12, 0.089, 0.24,
              0.31, 0.30),
    "imagenet": (5.88, 12.5, 7.82, 4.01, 453, 66.1, 57.3, 35.4, 4.74, 2.23, 13.7, 2.80, 19.3, 0.45, 1.38, 3.33, 2.86,
                 4.22, 14.3),
}  # fmt: skip


def load_peer() -> Callable[..., np.ndarray] | None:
    """Return imagecorruptions.corrupt with the names it misses put back, or None where it is not installed."""
    spec = find_spec("imagecorruptions")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    resources = types.ModuleType("pkg_resources")
    resources.resource_filename = lambda package, name: str(folder / name)  # type: ignore[attr-defined]
    sys.modules.setdefault("pkg_resources", resources)
    vars(np).setdefault("float_", np.float64)
    import skimage.filters

    plain = skimage.filters.gaussian

    def gaussian(image: np.ndarray, *arguments: object, multichannel: bool = False, **options: object) -> np.ndarray:
        return plain(image, *arguments, channel_axis=-1 if multichannel else None, **options)

    skimage.filters.gaussian = gaussian
    import imagecorruptions

    return imagecorruptions.corrupt


def sample_images(side: int, count: int) -> np.ndarray:
    """Return crops of scikit-learn's two photographs, uint8 [count, side, side, 3]."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    photographs = load_sample_images().images
    crops = np.empty((count, side, side, 3), dtype=np.uint8)
    for i, crop in enumerate(crops):
        y, x = rng.integers(0, 120), rng.integers(0, 330)
        crop[:] = cv2.resize(photographs[i % 2][y : y + 300, x : x + 300], (side, side))
    return crops


def seconds(function: Callable[[], object]) -> float:
    """Return the processor time of a call of one thread: other programs on the machine count less than in wall time."""
    start = time.process_time()
    function()
    return time.process_time() - start


def measure(family: str, rounds: int, peer: Callable[..., np.ndarray] | None) -> list[tuple[str, float, float, float]]:
    """Return (name, ours, peer, 2018) in ms an image for each corruption; nan where the peer is missing."""
    side, count = SIZES[family]
    images = sample_images(side, count)
    few = images[: 3 if side > 100 else 25]
    rows = []
    for name, reference in zip(IMAGE_CORRUPTIONS, REFERENCE_2018[family], strict=True):
        call = partial(corrupt_images, images, name, SEVERITY, family=family)
        call()  # loads what is compiled
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(seconds(call) / count)
            if peer is not None:
                calls = [partial(peer, image, corruption_name=name, severity=SEVERITY) for image in few]
                theirs.append(sum(map(seconds, calls)) / len(few))
        rows.append((name, 1e3 * np.median(ours), 1e3 * np.median(theirs) if theirs else np.nan, reference))
    return rows


def print_others(family: str, rounds: int) -> None:
    """Print ms an image of the corruptions of C-bar and 3DCC of this size."""
    side, count = SIZES[family]
    images = sample_images(side, count)
    print(f"\nC-bar and 3DCC, {family}, {side} pixels, ms an image, severity {SEVERITY}, one core")
    for name in CONSTANTS[family]:
        if name not in IMAGE_CORRUPTIONS:
            call = partial(corrupt_images, images, name, SEVERITY, family=family)
            call()
            print(f"{name:32}{1e3 * np.median([seconds(call) / count for _ in range(rounds)]):9.4f}")


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def print_table(family: str, rows: list[tuple[str, float, float, float]]) -> None:
    """Print ms an image, and how many times faster this package is."""
    print(f"\n{family}, {SIZES[family][0]} pixels, ms an image, severity {SEVERITY}, one core")
    print(f"{'corruption':20}{'ours':>9}{'imagecorruptions':>18}{'ratio':>8}{'2018':>9}{'ratio':>8}")
    for name, ours, peer, reference in rows:
        print(f"{name:20}{ours:9.4f}{peer:18.3f}{peer / ours:8.1f}{reference:9.3f}{reference / ours:8.1f}")
    total = [sum(row[i] for row in rows) for i in (1, 2, 3)]
    print(
        f"{'sum':20}{total[0]:9.3f}{total[1]:18.2f}{total[1] / total[0]:8.1f}{total[2]:9.2f}{total[2] / total[0]:8.1f}"
    )
    peers, references = [r[2] / r[1] for r in rows], [r[3] / r[1] for r in rows]
    print(f"{'geometric mean':20}{'':27}{geometric_mean(peers):8.1f}{'':9}{geometric_mean(references):8.1f}")


def draw(results: dict[str, list[tuple[str, float, float, float]]], path: Path) -> None:
    """Draw how many times faster than imagecorruptions each corruption is, at both sizes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    names = [name.replace("_", " ") for name in IMAGE_CORRUPTIONS]
    for shift, (family, colour) in zip((-0.2, 0.2), (("cifar", "#0072B2"), ("imagenet", "#D55E00")), strict=True):
        ratios = [peer / ours for _, ours, peer, _ in results[family]]
        axis.barh(np.arange(19) + shift, ratios, 0.38, color=colour, label=f"{SIZES[family][0]} pixels")
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set(xscale="log", xlabel="times as fast as imagecorruptions 1.1.2, one core, severity 3", yticks=np.arange(19))
    axis.set_yticklabels(names, fontsize=8)
    axis.invert_yaxis()
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=160)


def time_nineteen(family: str, threads: int, rounds: int, barrier: Any = None) -> float:
    """Return images a second under all nineteen in threads, median of the rounds; with a barrier, beside others."""
    cv2.setNumThreads(1)
    side, count = SIZES[family]
    images = sample_images(side, 4 * count)
    found = []
    for index in range(rounds + 1):  # the first loads what is compiled
        if barrier is not None:
            barrier.wait()
        start = time.perf_counter()
        for name in IMAGE_CORRUPTIONS:
            corrupt_images(images, name, SEVERITY, family=family, threads=threads)
        found += [19 * len(images) / (time.perf_counter() - start)] * (index > 0)
    return float(np.median(found))


def in_processes(call: Callable[..., float], count: int, *arguments: object) -> list[float]:
    """Return what a function returns in each of so many new processes that run at the same time."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, spawn.Pool(count, maxtasksperchild=1) as pool:
        extra = [manager.Barrier(count)] if count > 1 else []
        return pool.starmap(call, [(*arguments, *extra)] * count, chunksize=1)


def print_scaling(family: str, counts: list[int], rounds: int) -> None:
    """Print the speed of the nineteen in threads and in processes relative to one."""
    one = time_nineteen(family, 1, rounds)
    print(f"\n{family}, {SIZES[family][0]} pixels: {one:.0f} images a second in one thread, on the clock")
    for count in counts:
        threads = time_nineteen(family, count, rounds)
        processes = sum(in_processes(time_nineteen, count, family, 1, rounds))
        print(f"{count} threads: {threads / one:.2f} times as many; {count} processes: {processes / one:.2f} times")


def peak_memory(name: str, source: Path, target: Path) -> float:
    """Return the peak memory of this process in MB after making a corrupted set as a job of the workflow does."""
    generate_corrupted(source, target, name)
    # getrusage would count the memory of the parent, too.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def print_memory(counts: list[int], folder: Path | None) -> None:
    """Print peak memory and size of JPEG-encoded sets of so many images at 224 pixels, and what 50,000 would take."""
    side, many = SIZES["imagenet"][0], 50_000
    crops = sample_images(side, 250)
    print(f"\nimagenet, {side} pixels, five severities, JPEG: peak memory of a job in MB")
    print(f"{'corruption':20}" + "".join(f"{count:>12} images" for count in counts) + f"{'grows to ' + str(many):>20}")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for count in counts:
            with create_hdf5(Path(scratch) / f"{count}.h5", family="imagenet") as file:
                batches = (crops[: min(250, count - start)] for start in range(0, count, 250))
                write_samples(file, batches, np.zeros(count), jpeg_quality=JPEG_QUALITY)
        for name in MEMORY_OF:
            target = Path(scratch) / "corrupted.h5"
            peaks = [in_processes(peak_memory, 1, name, Path(scratch) / f"{n}.h5", target)[0] for n in counts]
            growth = np.polyfit(counts, peaks, 1)[0] if len(counts) > 1 else np.nan
            line = "".join(f"{peak:19.0f}" for peak in peaks)
            print(f"{name:20}{line}{peaks[-1] + growth * (many - counts[-1]):20.0f}", flush=True)


def main() -> None:
    """Measure both sizes, print the tables, draw the figure; or measure threads, or memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default=None, help="where to write the figure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", help="numbers of threads and of processes side by side")
    parser.add_argument("--memory", type=int, nargs="+", metavar="IMAGES", help="sizes of sets")
    parser.add_argument("--folder", type=Path, help="where the sets of --memory are written meanwhile")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    if arguments.threads:
        for family in SIZES:
            print_scaling(family, arguments.threads, arguments.rounds)
    if arguments.memory:
        print_memory(sorted(arguments.memory), arguments.folder)
    if arguments.threads or arguments.memory:
        return
    peer = load_peer()
    if peer is None:
        print("imagecorruptions is not installed: its columns are empty (nan), and no figure is drawn")
    results = {family: measure(family, arguments.rounds, peer) for family in SIZES}
    for family, rows in results.items():
        print_table(family, rows)
        print_others(family, arguments.rounds)
    if arguments.figure and peer is not None:
        draw(results, arguments.figure)


if __name__ == "__main__":
    main()
