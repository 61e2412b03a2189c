"""How often a study that looks at its data several times says a false word, and how many seeds it takes.

Studies are simulated whose true gains are known. A row's gain of one seed is the gain plus a deviation; half of its
variance comes from the baseline's run, which all rows share. The test images add one deviation to all seeds of a row.
Writes CSV files into a folder:

- errors.csv: chance of any false word, coverage of the final intervals, seeds and words, by spread, gain and rows;
- few_seeds.csv: the same at a gain of zero, for plans that look early or after every seed;
- spending.csv: Pocock's against O'Brien and Fleming's way to spend the error;
- rivals.csv: stopping at p < 0.05, and AdaStop (Mathieu et al. 2023, arXiv:2306.10882), beside the looks;
- images.csv: studies with answers to images in cells, analysed from the answers on;
- seeds.csv: seeds until a gain is decided, by gain and spread.

    python benchmarks/sequential_looks.py --studies 4000 --folder docs/statistics
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from simulated_runs import Spread, ability_for, cell_offsets, simulate_correct

from dst_robustness.analysis.looks import Evidence, Looks, evidence, step_down
from dst_robustness.analysis.spending import obrien_fleming, pocock

MARGIN = 0.005
SPREAD, IMAGES = 0.007, 0.0007  # standard deviations of a seed's gain and of the test images' part, as shares
GAINS = {"0": 0.0, "+margin": MARGIN, "-margin": -MARGIN, "1 point": 0.01, "0 and margin in turn": None}


def deviations(kind: str, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return deviations of mean 0 and variance 1 (``unequal``: of rows that differ three times), float [..., R, S]."""
    if kind == "heavy tails":
        return generator.standard_t(3, shape) / np.sqrt(3)
    if kind == "skewed":  # some trainings end far below the others
        return 1 - generator.exponential(1, shape)
    values = generator.standard_normal(shape)
    return values * (np.geomspace(3**-0.5, 3**0.5, shape[-2])[:, None] if kind == "unequal" else 1)


def simulate(
    gains: np.ndarray, plan: Looks, studies: int, kind: str, generator: np.random.Generator,
    spread: float = SPREAD, images: float = IMAGES,
) -> Evidence:  # fmt: skip
    """Return what the looks see of many studies with these true gains [R]: arrays [studies, R, looks]."""
    rows = len(gains)
    own, shared = (deviations(kind, generator, (studies, count, plan.last)) for count in (rows, 1))
    values = gains[:, None] + spread * (own - shared) / np.sqrt(2)
    values += images * generator.standard_normal((studies, rows, 1))
    parts = [values[..., :count] for count in plan.seeds]
    error = np.stack([part.std(axis=-1, ddof=1) / np.sqrt(part.shape[-1]) for part in parts], axis=-1)
    return Evidence(np.stack([part.mean(axis=-1) for part in parts], axis=-1), error, np.full_like(error, images))


def is_false(words: np.ndarray, gains: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """Return which words are false of rows with these true gains."""
    wrong = (words == "holds") & (gains <= 0) | (words == "fails") & (gains >= 0)
    return wrong | (words == "equivalent") & (np.abs(gains) >= margin - 1e-12)


def describe(found: tuple[np.ndarray, ...], gains: np.ndarray, plan: Looks, margin: float = MARGIN) -> dict[str, float]:
    """Return the figures of many studies: shares in percent, and the mean number of seeds of a row."""
    words, stopped, low, high = found
    shares = {word: 100 * np.mean(words == word) for word in ("holds", "fails", "equivalent", "undecided")}
    decided = words != "undecided"
    stops = {f"decided_at_{n}": 100 * np.mean(decided & (stopped == i)) for i, n in enumerate(plan.seeds)}
    return {
        "any_false_word": 100 * is_false(words, gains, margin).any(axis=-1).mean(),
        "coverage": 100 * np.mean((low <= gains) & (gains <= high)),
        "seeds": np.array(plan.seeds)[stopped].mean(),
        **shares,
        **(stops if len(plan.seeds) < 8 else {}),
    }


def true_gains(name: str, rows: int) -> np.ndarray:
    gain = GAINS[name]
    return np.resize([0.0, MARGIN], rows) if gain is None else np.full(rows, gain)


def equal_power(gains: np.ndarray, decided: float, studies: int, kind: str) -> int:
    """Return the seeds with which one look at a fixed number of seeds decides as many rows; at most 100."""
    low, high = 2, 100
    while high - low > 1:
        middle = (low + high) // 2
        plan = Looks(middle, 1, middle)
        words = step_down(simulate(gains, plan, studies, kind, np.random.default_rng(middle)), plan, MARGIN)[0]
        low, high = (low, middle) if 100 * np.mean(words != "undecided") >= decided else (middle, high)
    return high


def errors(studies: int) -> Iterable[dict]:
    """Yield the figures of the default plan."""
    plan = Looks()
    for kind in ("normal", "heavy tails", "skewed", "unequal"):
        for name in GAINS:
            for rows in (1, 4, 16):
                if GAINS[name] is None and rows == 1:
                    continue
                gains = true_gains(name, rows)
                seen = simulate(gains, plan, studies, kind, np.random.default_rng(rows))
                figures = describe(step_down(seen, plan, MARGIN), gains, plan)
                fixed = equal_power(gains, 100 - figures["undecided"], studies // 4, kind) if kind == "normal" else None
                yield {"spread": kind, "gain": name, "rows": rows, "fixed_seeds": fixed} | figures


def few_seeds(studies: int) -> Iterable[dict]:
    """Yield how plans err that look early or often, for images that matter not at all, as much as seeds, and more."""
    for first, step, last in ((2, 1, 2), (2, 1, 4), (2, 1, 15), (3, 1, 3), (3, 1, 15), (3, 3, 30), (5, 1, 15)):
        plan = Looks(first, step, last)
        for rows in (1, 4, 16):
            for images in (0.0, 0.3, 1.0):
                for kind in ("normal", "skewed"):
                    seen = simulate(
                        np.zeros(rows), plan, studies, kind, np.random.default_rng(rows), images=images * SPREAD
                    )
                    figures = describe(step_down(seen, plan, MARGIN), np.zeros(rows), plan)
                    names = {"first": first, "step": step, "last": last, "rows": rows, "images_over_seeds": images}
                    yield names | {"spread": kind, **{key: figures[key] for key in ("any_false_word", "coverage")}}


def spending_functions(studies: int) -> Iterable[dict]:
    """Yield the figures of both ways to spend the error."""
    plan = Looks()
    for spending in (pocock, obrien_fleming):
        for name in ("0", "+margin", "1 point"):
            for rows in (1, 4, 16):
                gains = true_gains(name, rows)
                seen = simulate(gains, plan, studies, "normal", np.random.default_rng(rows))
                yield {"spending": spending.__name__, "gain": name, "rows": rows} | describe(
                    step_down(seen, plan, MARGIN, spending), gains, plan
                )


def rivals(studies: int) -> Iterable[dict]:
    """Yield chance of a false difference, power and seeds of one row: ours, p < 0.05 at each look, and AdaStop."""
    plan = Looks()
    for name in ("0", "+margin", "1 point"):
        for kind in ("normal", "heavy tails"):
            gain, generator = GAINS[name], np.random.default_rng(0)
            runs = deviations(kind, generator, (studies, 2, plan.last)) * SPREAD / np.sqrt(2)
            runs[:, 1] += gain
            values = runs[:, 1] - runs[:, 0]
            ratios = [
                values[:, :n].mean(axis=1) / values[:, :n].std(axis=1, ddof=1) * np.sqrt(n) / stats.t.isf(0.025, n - 1)
                for n in plan.seeds
            ]
            error = np.stack([values[:, :n].std(axis=1, ddof=1) / np.sqrt(n) for n in plan.seeds], axis=-1)[:, None]
            mean = np.stack([values[:, :n].mean(axis=1) for n in plan.seeds], axis=-1)[:, None]
            words, stopped, _, _ = step_down(Evidence(mean, error, 0 * error), plan, MARGIN)
            ours = np.isin(words[:, 0], ["holds", "fails"])
            for method, differs, at in (
                ("looks", ours, stopped[:, 0]),
                ("p < 0.05 at each look", *first_crossing(np.abs(np.stack(ratios, axis=1)) > 1)),
                ("AdaStop", *first_crossing(adastop(runs, plan))),
            ):
                yield {
                    "method": method, "gain": name, "spread": kind, "found_to_differ": 100 * differs.mean(),
                    "seeds": np.array(plan.seeds)[at].mean(),
                }  # fmt: skip


def first_crossing(crossed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether a study [studies, looks] crosses at any look, and at which first, or the last look."""
    return crossed.any(axis=1), np.where(crossed.any(axis=1), crossed.argmax(axis=1), crossed.shape[1] - 1)


def adastop(runs: np.ndarray, plan: Looks, permutations: int = 1000, error: float = 0.05) -> np.ndarray:
    """Return at which looks AdaStop's test of two agents [studies, 2, S] rejects, bool [studies, looks].

    The runs of a block change sides at random. A look rejects where the absolute sum of differences exceeds what the
    permutations that were not rejected before exceed with chance error x looks so far / looks.
    """
    generator, blocks = np.random.default_rng(1), len(plan.seeds)
    sums = np.zeros((permutations, len(runs)))
    alive, spent, crossed = np.ones_like(sums, bool), np.zeros(len(runs)), np.zeros((len(runs), blocks), bool)
    for look in range(blocks):
        block = runs[:, :, look * plan.step : (look + 1) * plan.step].reshape(len(runs), -1)
        signs = np.repeat([-1.0, 1.0], plan.step)
        sides = np.stack([signs, *(generator.permutation(signs) for _ in range(permutations - 1))])
        sums += sides @ block.T
        statistic = np.where(alive, np.abs(sums), -1)
        allowed = np.floor((error * (look + 1) / blocks - spent) * permutations + 1e-9).astype(int)
        ordered = -np.sort(-statistic, axis=0)
        bound = np.take_along_axis(ordered, np.maximum(allowed, 0)[None], axis=0)[0]
        crossed[:, look] = np.abs(sums[0]) > bound
        spent += (statistic > bound).mean(axis=0)
        alive &= statistic <= bound
    return crossed


def with_images(studies: int) -> Iterable[dict]:
    """Yield figures of studies with answers: 300 images x 15 cells, rows that share a dense baseline."""
    plan, spread, images, margin = Looks(3, 3, 15), Spread(seed=0.03), 300, 0.02
    offsets = cell_offsets(5, 3)
    for gain in (0.0, margin, 0.04):
        for rows in (1, 4):
            generator = np.random.default_rng(rows)
            abilities = [ability_for(0.5 + value, offsets, spread) for value in (0.0, gain)]
            seen = []
            for _ in range(studies):
                easiness = generator.normal(0, spread.image, images)
                scores = [
                    simulate_correct(
                        abilities[min(row, 1)] + generator.normal(0, spread.seed, plan.last), easiness, offsets,
                        spread, generator,
                    ).mean(axis=1, dtype=np.float32)
                    for row in range(rows + 1)
                ]  # fmt: skip
                found = [evidence(score - scores[0], plan) for score in scores[1:]]
                seen.append([[row.mean, row.seed_error, row.image_error] for row in found])
            stacked = Evidence(*np.moveaxis(np.array(seen), 2, 0))
            gains = np.full(rows, gain)
            figures = describe(step_down(stacked, plan, margin), gains, plan, margin)
            yield {"gain": gain, "margin": margin, "rows": rows, "images": images} | figures


def seeds_needed(studies: int) -> Iterable[dict]:
    """Yield how many seeds one row takes, by gain and by the spread of a seed's gain."""
    plan = Looks(5, 5, 200)
    for spread in (0.003, 0.005, 0.007, 0.0133):
        for gain in (0.0, 0.002, 0.004, 0.01):
            gains = np.array([gain])
            seen = simulate(gains, plan, studies, "normal", np.random.default_rng(0), spread)
            words, stopped, _, _ = step_down(seen, plan, MARGIN)
            counts = np.array(plan.seeds)[stopped[:, 0]]
            yield {
                "spread": spread, "gain": gain, "seeds": counts.mean(), "seeds_of_90_percent": np.quantile(counts, 0.9),
                **{word: 100 * np.mean(words == word) for word in ("holds", "fails", "equivalent", "undecided")},
            }  # fmt: skip


def main() -> None:
    """Write all tables, or those that are named."""
    tables = {
        "errors": errors, "few_seeds": few_seeds, "spending": spending_functions, "rivals": rivals,
        "images": with_images, "seeds": seeds_needed,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--folder", type=Path, default=Path("docs/statistics"))
    parser.add_argument("--tables", nargs="+", choices=tables, default=list(tables))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.tables:
        table = pd.DataFrame(tables[name](arguments.studies)).assign(studies=arguments.studies)
        table.round(4).to_csv(arguments.folder / f"{name}.csv", index=False)
        print(name, len(table), "rows", flush=True)


if __name__ == "__main__":
    main()
