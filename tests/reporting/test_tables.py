import re
import shutil
import subprocess

import pandas as pd
import pytest

from dst_robustness.analysis.robustness import BENCHMARK
from dst_robustness.reporting.by_corruption import by_corruption_table
from dst_robustness.reporting.tables import metrics_table, resource_table, robustness_table, shift_table, sparsity_table
from dst_robustness.reporting.write_tables import TABLES, VARIANTS, write_tables

ROWS = pd.DataFrame(
    {
        "scenario": ["d_1", "d_1", "d_1", "e", "e"],
        "dataset": ["d_1", "d_1", "d_1", "e", "e"],
        "model": "net",
        "method": ["dense", "set", "mest_r", "dense", "set"],
        "sparsity": [0.0, 0.1, 0.1, 0.0, 0.5],
        "seeds": [3, 3, 3, 1, 1],
        "clean_accuracy": [0.9, 0.91, 0.89, 0.5, 0.4],
        "robust_accuracy": [0.7, 0.72, 0.71, 0.4, 0.3],
        "robust_accuracy_low": [0.69, 0.71, 0.70, 0.35, 0.25],
        "robust_accuracy_high": [0.71, 0.73, 0.72, 0.45, 0.35],
        "gain": [0.0, 0.02, 0.01, 0.0, -0.1],
        "gain_low": [None, 0.01, -0.01, None, -0.12],
        "gain_high": [None, 0.03, 0.03, None, -0.08],
        "mce": [100.0, 95.0, 97.0, 100.0, 120.0],
        "mce_low": [None, 92.5, 94.0, None, 110.0],
        "mce_high": [None, 97.5, 100.5, None, 130.0],
        "relative_mce": [100.0, 99.0, 98.0, 100.0, None],
        "robust_accuracy_15": [0.7, 0.72, 0.71, 0.4, None],
        "mce_alexnet": [None, None, None, 123.4, 101.0],
        "relative_mce_alexnet": [None, None, None, 123.4, 101.0],
        "clean_ece": 0.02,
        "robust_ece": 0.1234,
        "clean_nll": 0.3,
        "robust_nll": 1.25,
        "verdict": ["baseline", "holds", "undecided", "baseline", "fails"],
        "nonzero_parameters": 1e6,
        "inference_flops_ratio": 1.0,
        "training_flops_ratio": 1.0,
        "train_seconds": None,
        "peak_memory_mb": 10.0,
        "itop_rate": 0.75,
        "margin": 0.005,
        "trained_here": True,
    }
)


def cells_of(rows):
    """Cells of all fifteen corruptions at two severities: the error rises by a point from column to column."""
    names = ["scenario", "dataset", "model", "method", "sparsity"]
    return pd.DataFrame(
        [
            {**row[names], "seed": 0, "corruption": corruption, "category": "x", "severity": severity,
             "accuracy": row["robust_accuracy"] - 0.01 * place - 0.02 * severity}
            for _, row in rows.iterrows()
            for place, corruption in enumerate(BENCHMARK)
            for severity in (1, 3)
        ]
    )  # fmt: skip


CELLS = cells_of(ROWS)


def write_all(folder, rows=ROWS):
    """Write the tables of some rows."""
    rows.to_csv(folder / "summary.csv", index=False)
    cells_of(rows).to_csv(folder / "corruptions.csv", index=False)
    write_tables(folder)


def test_an_mce_has_its_interval_where_there_is_one():
    """The baseline is what it is measured against."""
    column = [cells[7] for cells in robustness_table(ROWS).rows]
    assert column == ["100.0", "95.0 [92.5, 97.5]", "97.0 [94.0, 100.5]", "100.0", "120.0 [110.0, 130.0]"]


def test_the_best_of_each_scenario_is_bold():
    """Bold is the best of one scenario, not of the study, and only where it is decided."""
    table = robustness_table(ROWS)
    assert table.best == {(1, 5), (3, 5)}
    undecided = robustness_table(ROWS.assign(verdict=ROWS["verdict"].replace("holds", "undecided")))
    assert undecided.best == {(3, 5)}
    assert table.rows[1][5:7] == ["72.0 [71.0, 73.0]", "+2.00 [+1.00, +3.00]"]


def test_sparsity_table_shows_dense_in_every_column_and_dashes_where_nothing_ran():
    """The dense run is the yardstick at each sparsity."""
    table = sparsity_table(ROWS)
    assert table.header == ["scenario", "method", "0.1", "0.5"]
    assert table.rows[0][2:] == ["70.0 ± 1.0", "70.0 ± 1.0"]
    assert table.rows[1][2:] == ["72.0 ± 1.0", "-"]


def test_metrics_table_leaves_out_what_was_never_measured():
    """AlexNet's errors exist for ImageNet-C alone; a study of five corruptions has no accuracy over the fifteen."""
    table = metrics_table(ROWS[ROWS["dataset"] == "d_1"])
    assert table.header[3:] == ["15 only", "rel. mCE", "ECE clean", "ECE", "NLL clean", "NLL"]
    assert table.rows[1][3:] == ["72.0", "99.0", "2.0", "12.3", "0.300", "1.250"]
    table = metrics_table(ROWS[ROWS["dataset"] == "e"])
    assert table.header[3:] == ["15 only", "rel. mCE", "mCE*", "rel.*", "ECE clean", "ECE", "NLL clean", "NLL"]
    assert table.rows[1][3:7] == ["-", "-", "101.0", "101.0"]


def test_natural_shift_is_shown_by_set_with_its_own_gain():
    numbers = {"accuracy": 0.5, "accuracy_low": 0.45, "accuracy_high": 0.55}
    own = {"scenario": "c10", "shift": "cifar10_1", "seeds": 2, "trained_here": True, **numbers}
    none = {"gain": 0.0, "gain_low": float("nan"), "gain_high": float("nan")}
    gain = {"gain": 0.012, "gain_low": -0.01, "gain_high": 0.034}
    rows = [own | {"method": "dense", "sparsity": 0.0} | none, own | {"method": "set", "sparsity": 0.5} | gain]
    assert [cells[3:] for cells in shift_table(pd.DataFrame(rows)).rows] == [
        ["cifar10_1", "2", "50.0 [45.0, 55.0]", "-"],
        ["cifar10_1", "2", "50.0 [45.0, 55.0]", "+1.20 [-1.00, +3.40]"],
    ]


def test_captions_name_only_columns_that_are_there():
    """A reader looks for what the caption promises."""
    assert "AlexNet" not in metrics_table(ROWS[ROWS["scenario"] == "d_1"]).caption
    assert "AlexNet" in metrics_table(ROWS).caption
    assert "within ±0.5 points" in robustness_table(ROWS).caption


def test_a_sparsity_that_only_one_scenario_has_is_no_error_for_the_other():
    """Scenarios may have sparsities of their own, and one of them no dense run: its other columns are dashes."""
    table = sparsity_table(ROWS[ROWS["method"] != "dense"])
    assert table.rows[-1][2:] == ["-", "30.0 ± 5.0"]
    assert table.best == {(0, 2)}


def test_accuracy_under_each_corruption_in_the_order_of_the_benchmark():
    """One row a method, the short names that papers use, means over severities, and the row's own mCE at the end."""
    table = by_corruption_table(ROWS, CELLS.sample(frac=1, random_state=0))
    assert table.header[3:7] == ["Clean", "Gauss.", "Shot", "Impulse"]
    assert table.header[-3:] == ["JPEG", "Mean", "mCE"]
    assert table.rows[1][:6] == ["d_1", "SET", "0.1", "91.0", "68.0", "67.0"]
    assert table.rows[1][-3:] == ["54.0", "72.0", "95.0"]
    assert not table.best


def test_other_corruptions_are_written_out():
    """Without the fifteen there is a column for each corruption that was tested, and a dash where it was not."""
    known = {"gaussian_noise": "gaussian_noise", "shot_noise": "packet_loss"}
    cells = CELLS[CELLS["corruption"].isin(known)].replace({"corruption": known})
    cells = cells[(cells["scenario"] != "e") | (cells["corruption"] == "packet_loss")]
    table = by_corruption_table(ROWS, cells)
    assert table.header[4:] == ["Gauss.", "packet loss", "Mean", "mCE"]
    assert table.rows[3][4:] == ["-", "35.0", "40.0", "100.0"]


def test_every_table_is_written_for_a_readme_and_for_a_paper(tmp_path):
    """Markdown, and LaTeX for pages of one and of two columns, with as many ampersands in each line as the header."""
    write_all(tmp_path)
    for name in TABLES:
        assert (tmp_path / f"{name}.md").read_text().count("\n| ") == (len(ROWS) + 2 if name != "sparsity" else 7)
        for ending in VARIANTS:
            text = (tmp_path / f"{name}{ending}.tex").read_text()
            assert text.startswith(r"% Needs \usepackage{booktabs,graphicx}.")
            bodies = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)
            assert len(bodies) == 2
            for body in bodies:
                assert len({line.count("&") for line in body.splitlines() if line.endswith(r"\\")}) == 1


def test_scenarios_are_written_as_labels(tmp_path):
    """A paper has VGG16 of a quarter of the width, not the name of a folder."""
    paper = ROWS.replace({"scenario": {"d_1": "cifar10_vgg16", "e": "mine"}, "dataset": {"d_1": "cifar10"}})
    paper["model"] = "vgg16"
    paper["width"] = [0.25, 0.25, 0.25, 1.0, 1.0]
    write_all(tmp_path, paper)
    text = (tmp_path / "sparsity.tex").read_text()
    assert r"\caption{CIFAR-10, VGG16, width 1/4. Robust" in text
    assert r"\caption{mine (e, VGG16). Robust" in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_latex_compiles_as_it_is_and_fits(columns, tmp_path):
    """A paper includes the files with the packages of their first line; nothing reaches over a margin."""
    write_all(tmp_path)
    endings = VARIANTS if columns == "twocolumn" else [""]
    files = [f"{name}{ending}.tex" for name in TABLES for ending in endings]
    packages = (tmp_path / files[0]).read_text().splitlines()[0].removeprefix("% Needs ").removesuffix(".")
    inputs = "".join(rf"\input{{{name}}}" for name in files)
    paper = rf"\documentclass[{columns}]{{article}}{packages}\begin{{document}}{inputs}\end{{document}}"
    (tmp_path / "paper.tex").write_text(paper)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:]
    assert "Overfull" not in result.stdout
    assert "Float too large" not in result.stdout


TESTED = ROWS[ROWS["scenario"] == "e"].assign(
    method=["ours", "theirs"], sparsity=0.0, trained_here=False, parameters=2e6, inference_flops=5e6
)


def test_where_nothing_was_trained_tables_speak_of_networks():
    """Nobody who tests checkpoints has methods, sparsities, or costs of training."""
    written = [robustness_table(TESTED), metrics_table(TESTED), by_corruption_table(TESTED, cells_of(TESTED))]
    for table in [*written, resource_table(TESTED)]:
        assert table.header[:2] == ["scenario", "network"]
        assert [cells[1] for cells in table.rows] == ["ours", "theirs"]
        assert not {"method", "sparsity", "training FLOPs", "ITOP"} & set(table.header)
    assert "baseline's network of the same seed" in written[0].caption
    assert resource_table(TESTED).rows[0][2:] == ["2.000", "1.000", "5.000"]


def test_a_network_beside_trained_ones_has_no_sparsity():
    """A sparse network from elsewhere is not dense because nobody knows how it was trained."""
    rows = pd.concat([ROWS[ROWS["scenario"] == "d_1"], TESTED], ignore_index=True)
    assert [cells[2] for cells in robustness_table(rows).rows] == ["0", "0.1", "0.1", "-", "-"]
    assert [cells[1] for cells in sparsity_table(rows).rows] == ["Dense", "SET", "MEST-r"]


def test_only_the_tables_asked_for_are_written(tmp_path):
    """A study that trains nothing has no table of sparsities, and each scenario has only tables with rows."""
    rows = pd.concat([ROWS[ROWS["scenario"] == "d_1"], TESTED], ignore_index=True)
    write_all(tmp_path, rows)
    assert (tmp_path / "sparsity.tex").read_text().count(r"\begin{table}") == 1
    (tmp_path / "sparsity.md").unlink()
    write_tables(tmp_path, ["robustness"])
    assert not (tmp_path / "sparsity.md").exists()
