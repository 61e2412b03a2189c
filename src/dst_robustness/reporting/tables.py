"""The tables of a study from the numbers of summary.csv."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dst_robustness.analysis.words import BASELINE_ROW, FAILS, HOLDS
from dst_robustness.reporting.names import ABSENT, method_name, only_tested, row_header, row_names
from dst_robustness.reporting.table import Table


def number(value: float, digits: int = 1, *, scale: float = 1, sign: bool = False) -> str:
    """Return a number as text, or a dash if there is none."""
    if pd.isna(value):
        return ABSENT
    return f"{scale * value:{'+' if sign else ''}.{digits}f}"


def with_interval(
    value: float, low: float, high: float, digits: int = 1, *, scale: float = 100, sign: bool = False
) -> str:
    """Return a number, by default a share as percent, with its interval in brackets."""
    if pd.isna(value):
        return ABSENT
    text, *ends = (number(one, digits, scale=scale, sign=sign) for one in (value, low, high))
    return text if pd.isna(low) else f"{text} [{', '.join(ends)}]"


def robustness_table(rows: pd.DataFrame) -> Table:
    """Return the main table: accuracies, gain, mCE and verdict of each row, with the best in bold if it is decided."""
    header = [*row_header(rows), "n", "clean %", "robust %", "gain", "mCE", "verdict"]
    cells = []
    for names, row in zip(row_names(rows), rows.itertuples(), strict=True):
        robust = with_interval(row.robust_accuracy, row.robust_accuracy_low, row.robust_accuracy_high)
        gain = with_interval(row.gain, row.gain_low, row.gain_high, 2, sign=True)
        cells.append(
            [*names, str(row.seeds),
             number(row.clean_accuracy, scale=100), robust, ABSENT if row.verdict == BASELINE_ROW else gain,
             _with_its_interval(row, "mce", 1, 1), row.verdict]
        )  # fmt: skip
    run = "network" if only_tested(rows) else "run"
    caption = (
        "Top-1 accuracy on the clean test set and averaged over all corruptions and severities, gain over the "
        f"baseline's {run} of the same seed in points, 95% intervals; n seeds; mCE in percent of the baseline. "
        "Verdicts are corrected for several comparisons; equivalent: the gain lies within "
        f"±{100 * rows['margin'].max():g} points. Bold: the highest robust accuracy, where its gain is decided."
    )
    return Table(caption, header, cells, _decided_best(rows, header.index("robust %")))


def sparsity_table(rows: pd.DataFrame) -> Table:
    """Return robust accuracy with one column per sparsity; the best of each column and scenario in bold, if decided.

    Networks that were trained elsewhere have no sparsity and are left out.
    """
    rows = rows[rows["trained_here"].astype(bool)]
    is_baseline = rows["verdict"] == BASELINE_ROW
    levels = sorted(rows.loc[~is_baseline, "sparsity"].unique())
    texts, chosen = [], []
    for (scenario, method), part in rows.groupby(["scenario", "method"], sort=False):
        found = {row.sparsity: row for row in part.itertuples()}
        # A baseline without sparsities is in every column.
        everywhere = len(part) == 1 and part["verdict"].item() == BASELINE_ROW
        own = [part.iloc[0].name if everywhere else found[level].Index if level in found else None for level in levels]
        texts.append([scenario, method_name(method), *(_plus_minus(rows, index) for index in own)])
        chosen.append((scenario, own))
    best = set()
    for column in range(len(levels)):
        lines = [line for line, (_, own) in enumerate(chosen) if own[column] is not None]
        part = rows.loc[[chosen[line][1][column] for line in lines]]
        best |= {(lines[place], 2 + column) for place, _ in _decided_best(part, 0)}
    caption = (
        "Robust accuracy (%) by sparsity, with half the width of its 95% interval. Bold: the highest of a column, "
        "where its gain over the baseline is decided."
    )
    header = ["scenario", "method", *(f"{level:g}" for level in levels)]
    return Table(caption, header, texts, frozenset(best))


def _plus_minus(rows: pd.DataFrame, index: Any | None) -> str:
    if index is None:
        return ABSENT
    row = rows.loc[index]
    half = (row["robust_accuracy_high"] - row["robust_accuracy_low"]) / 2
    return f"{100 * row['robust_accuracy']:.1f} ± {100 * half:.1f}"


def resource_table(rows: pd.DataFrame) -> Table:
    """Return the cost of each method: parameters, FLOPs relative to dense, seconds, memory, weights ever active.

    Of networks that were trained elsewhere, only what they themselves cost is known.
    """
    if only_tested(rows):
        return _network_costs(rows)
    header = [*row_header(rows), "non-zero (M)", "inference FLOPs", "training FLOPs", "seconds", "MB", "ITOP"]
    cells = [
        [*names,
         number(row.nonzero_parameters, 3, scale=1e-6), number(row.inference_flops_ratio, 3),
         number(row.training_flops_ratio, 3), number(row.train_seconds), number(row.peak_memory_mb, 0),
         number(row.itop_rate, 3)]
        for names, row in zip(row_names(rows), rows.itertuples(), strict=True)
    ]  # fmt: skip
    caption = (
        "Cost of each method: non-zero parameters, FLOPs of inference and training relative to dense (what sparse "
        "kernels would need), seconds and peak memory of training as measured with dense kernels; ITOP: share of the "
        "maskable weights that were ever active."
    )
    return Table(caption, header, cells)


def _network_costs(rows: pd.DataFrame) -> Table:
    columns = {"parameters": "parameters (M)", "nonzero_parameters": "non-zero (M)", "inference_flops": "FLOPs (M)"}
    cells = [
        [*names, *(number(getattr(row, name), 3, scale=1e-6) for name in columns)]
        for names, row in zip(row_names(rows), rows.itertuples(), strict=True)
    ]
    caption = (
        "Cost of each network: parameters, those that are not zero, and FLOPs of inference on one sample (what sparse "
        "kernels would need)."
    )
    return Table(caption, [*row_header(rows), *columns.values()], cells)


def shift_table(rows: pd.DataFrame) -> Table:
    """Return accuracy and gain on each set of natural shift.

    Args:
        rows: shifts.csv, with ``trained_here`` of summary.csv.
    """
    header = [*row_header(rows), "test set", "n", "accuracy %", "gain"]
    cells = [
        [*names, row.shift, str(row.seeds),
         with_interval(row.accuracy, row.accuracy_low, row.accuracy_high),
         ABSENT if row.gain == 0 and pd.isna(row.gain_low)
         else with_interval(row.gain, row.gain_low, row.gain_high, 2, sign=True)]
        for names, row in zip(row_names(rows), rows.itertuples(), strict=True)
    ]  # fmt: skip
    caption = (
        "Top-1 accuracy on test sets of natural shift, and gain over the baseline's run of the same seed in points, "
        "with 95% intervals that are not corrected for their number. They are no part of robust accuracy."
    )
    return Table(caption, header, cells)


def metrics_table(rows: pd.DataFrame) -> Table:
    """Return the metrics that the main table leaves out: the benchmark's fifteen, all kinds of mCE, calibration."""
    columns = {
        "robust_accuracy_15": ("15 only", 1, 100), "relative_mce": ("rel. mCE", 1, 1), "mce_alexnet": ("mCE*", 1, 1),
        "relative_mce_alexnet": ("rel.*", 1, 1), "clean_ece": ("ECE clean", 1, 100), "robust_ece": ("ECE", 1, 100),
        "clean_nll": ("NLL clean", 3, 1), "robust_nll": ("NLL", 3, 1),
    }  # fmt: skip
    # mCE against AlexNet only exists on ImageNet-C.
    columns = {name: form for name, form in columns.items() if name in rows and rows[name].notna().any()}
    cells = [
        [
            *names,
            *(_with_its_interval(row, name, digits, scale) for name, (_, digits, scale) in columns.items()),
        ]
        for names, row in zip(row_names(rows), rows.itertuples(), strict=True)
    ]
    words = {
        "robust_accuracy_15": "robust accuracy over the benchmark's fifteen corruptions (15 only)",
        "relative_mce": "mCE of what corruption adds to the clean error, against the baseline (rel. mCE)",
        "mce_alexnet": "mCE (mCE*) and relative mCE (rel.*) against AlexNet",
        "robust_ece": "expected calibration error (ECE)",
    }  # fmt: skip
    shown = "; ".join(text for name, text in words.items() if name in columns)
    rest = " Negative log-likelihood (NLL)." if "robust_nll" in columns else ""
    caption = f"In percent: {shown}.{rest} Means over seeds."
    header = [*row_header(rows), *(title for title, _, _ in columns.values())]
    return Table(caption, header, cells)


def _with_its_interval(row: Any, name: str, digits: int, scale: float) -> str:
    """Return a number of a row, with its interval if the row has one."""
    low, high = (getattr(row, f"{name}_{end}", float("nan")) for end in ("low", "high"))
    return with_interval(getattr(row, name), low, high, digits, scale=scale)


def weight_table(rows: pd.DataFrame) -> Table:
    """Return where the weights of each sparse method are, and how much its topologies overlap, in percent.

    Args:
        rows: the table of ``analysis.weights.weight_summary``, with ``trained_here`` of summary.csv.
    """
    shares = {
        "density": "density", "empty_kernels": "empty kernels", "empty_output_channels": "empty output channels",
        "empty_input_channels": "empty input channels", "overlap_of_seeds": "overlap of seeds",
        "chance_of_seeds": "by chance", "overlap_of_methods": "overlap with other methods",
        "chance_of_methods": "by chance",
    }  # fmt: skip
    cells = [
        [*names, *(number(getattr(row, name), scale=100) for name in shares)]
        for names, row in zip(row_names(rows), rows.itertuples(), strict=True)
    ]
    caption = (
        "Share of active weights, and of kernels and channels without any, in percent. Overlap: intersection over union"
        " of the active weights of two seeds, or of the method and another of the same seed, and what random masks of "
        "the same densities would have."
    )
    return Table(caption, [*row_header(rows), *shares.values()], cells)


def _decided_best(rows: pd.DataFrame, column: int) -> frozenset[tuple[int, int]]:
    """Return the place of the highest robust accuracy of each scenario, if it is decided.

    It is a row that holds, or the baseline if all others fail.
    """
    rows, best = rows.reset_index(drop=True), set()
    for _, part in rows.groupby("scenario", sort=False):
        index = part["robust_accuracy"].idxmax()
        others = set(part["verdict"]) - {BASELINE_ROW}
        if part.loc[index, "verdict"] == HOLDS or (part.loc[index, "verdict"] == BASELINE_ROW and others == {FAILS}):
            best.add((int(index), column))
    return frozenset(best)
