"""Time the nineteen image corruptions side by side with imagecorruptions, on one core, in the same run.

    python benchmarks/corruptions.py [--figure docs/figures/corruption_speed.png] [--rounds 5]

Both get the same images and severity 3; calls alternate, and the median of the rounds counts, in processor time.
imagecorruptions 1.1.2 does not run on current libraries as it is: the names that it misses are put back here
(pkg_resources, numpy.float_, scikit-image's multichannel). It knows the constants of ImageNet only, so at 32 pixels it
works with those. The column "2018" is the benchmark's own code on the library versions of its time, measured once on
another machine (ms an image).
"""

from __future__ import annotations

import argparse
import sys
import time
import types
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from dst_robustness.corruptions import FAMILIES, IMAGE_CORRUPTIONS, corrupt_images
from dst_robustness.storage import atomic_path

SEVERITY = 3
SIZES = {"cifar": (32, 500), "imagenet": (224, 16)}
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


def main() -> None:
    """Measure both sizes, print the tables, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default=None, help="where to write the figure")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    peer = load_peer()
    if peer is None:
        print("imagecorruptions is not installed: its columns are empty (nan), and no figure is drawn")
    results = {family: measure(family, arguments.rounds, peer) for family in FAMILIES if family in SIZES}
    for family, rows in results.items():
        print_table(family, rows)
    if arguments.figure and peer is not None:
        draw(results, arguments.figure)


if __name__ == "__main__":
    main()
