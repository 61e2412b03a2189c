"""Time and memory that a full grid takes to summarise: 9 scenarios x 14 methods x 7 sparsities x 5 seeds, 95 cells.

The predictions of a full grid are too many for most disks, so each scenario gets a few files that all of its runs link
to: every run is opened, read and decompressed, but mostly from the page cache. Dense comes on top: 5 runs a scenario.

    python benchmarks/summarise.py --images 10000 --folder /tmp/grid
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from simulated_runs import Spread, ability_for, simulate_correct, simulated_cells, write_run

from dst_robustness.analysis.summary import write_summary
from dst_robustness.corruptions import IMAGE_CORRUPTIONS
from dst_robustness.reporting.figures import FIGURES, write_figure
from dst_robustness.reporting.write_tables import write_tables

METHODS = (
    "static", "set", "rigl", "mest_r", "mest_g", "mest_ems", "granet_r", "granet_g", "gmp", "snip", "grasp",
    "rigl_zero", "set_zero", "dense_small",
)  # fmt: skip
SPARSITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
DIFFERENT = 12


def write_grid(folder: Path, scenarios: int, seeds: int, images: int) -> list[Path]:
    """Write the grid and return the folders of its runs."""
    names, severities, offsets = simulated_cells(list(IMAGE_CORRUPTIONS))
    spread, folders = Spread(), []
    for scenario in range(scenarios):
        generator = np.random.default_rng(scenario)
        easiness = generator.normal(0, spread.image, images)
        originals = []
        for number in range(DIFFERENT):
            ability = ability_for(0.5 + 0.002 * number, offsets[1:], spread)
            original = folder / f"originals/runs/data{scenario}/net/rigl/0.5/seed{number}"
            write_run(
                original,
                simulate_correct(np.array([ability]), easiness, offsets, spread, generator)[0],
                names,
                severities,
            )
            originals.append(original)
        rows = [("dense", 0.0), *((method, sparsity) for method in METHODS for sparsity in SPARSITIES)]
        for index, (method, sparsity) in enumerate(rows):
            for seed in range(seeds):
                run = folder / f"results/runs/data{scenario}_net/{method}/{sparsity:g}/seed{seed}"
                run.mkdir(parents=True)
                for name in ("predictions.h5", "metrics.csv", "run.json", "history.csv", "topology.csv"):
                    os.link(originals[(index + seed) % DIFFERENT] / name, run / name)
                folders.append(run)
    return folders


def main() -> None:
    """Write the grid, summarise it, and print seconds, on the clock and of a core, and peak memory of each step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenarios", type=int, default=9)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        start = time.perf_counter()
        folders = write_grid(folder, arguments.scenarios, arguments.seeds, arguments.images)
        size = sum((run / "predictions.h5").stat().st_size for run in folders) / 1e9
        print(f"{len(folders)} runs x 96 cells x {arguments.images} images, {size:.1f} GB if they were not linked")
        print(f"written in {time.perf_counter() - start:.0f} s", flush=True)
        tables = folder / "results/tables"
        steps = {"summarise": lambda: write_summary(folders, tables), "tables": lambda: write_tables(tables)}
        steps |= {name: lambda name=name: write_figure(name, tables, folder / f"figures/{name}") for name in FIGURES}
        for name, step in steps.items():
            start, used = time.perf_counter(), time.process_time()
            step()
            seconds, used = time.perf_counter() - start, time.process_time() - used
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"{name:24s} {seconds:6.1f} s, {used:6.1f} s of a core, peak memory so far {peak:.2f} GB", flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
