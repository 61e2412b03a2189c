import re
import shutil
import subprocess

import pandas as pd
import pytest

from dst_robustness.reporting.tables import TABLES, Table, metrics_table, robustness_table, sparsity_table, write_tables

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
    }
)


def test_markdown_by_hand():
    """Bold, caption and header as GitHub reads them."""
    table = Table("What it is.", ["method", "x"], [["SET", "1.0"], ["RigL", "-2.0"]], best=frozenset({(0, 1)}))
    assert table.markdown() == "What it is.\n\n| method | x |\n| --- | --- |\n| SET | **1.0** |\n| RigL | -2.0 |\n"


def test_latex_by_hand():
    """Special characters are escaped, minus signs set as such, a new scenario gets a line."""
    table = Table(
        "50% of a_b.", ["method", "x"], [["MEST-r", "1 ± 2"], ["SET", "-2.0"]], frozenset({(1, 1)}), frozenset({1})
    )
    assert table.latex("t").splitlines() == [
        r"\begin{table}", r"\centering\footnotesize\setlength{\tabcolsep}{2.5pt}", r"\caption{50\% of a\_b.}",
        r"\label{tab:t}", r"\begin{tabular}{lr}", r"\toprule", r"method & x \\", r"\midrule",
        r"MEST-r & 1 $\pm$ 2 \\", r"\midrule", r"SET & \textbf{$-$2.0} \\", r"\bottomrule", r"\end{tabular}",
        r"\end{table}",
    ]  # fmt: skip


def test_the_name_of_a_single_scenario_moves_into_the_caption():
    """A column that says the same in every row would not fit beside the numbers on a page."""
    table = Table("C.", ["scenario", "method", "x"], [["d_m", "SET", "1"]], best=frozenset({(0, 2)}))
    assert table.of_one_scenario() == Table("d_m. C.", ["method", "x"], [["SET", "1"]], best=frozenset({(0, 1)}))


def test_the_best_of_each_scenario_is_bold():
    """Bold is the best of one scenario, not of the study, and only where it is decided."""
    table = robustness_table(ROWS)
    assert table.best == {(1, 5), (3, 5)}
    undecided = robustness_table(ROWS.assign(verdict=ROWS["verdict"].replace("holds", "undecided")))
    assert undecided.best == {(3, 5)}
    assert table.breaks == {3}
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
    assert table.header[3:] == ["rob.-15", "rel. mCE", "ECE clean", "ECE", "NLL clean", "NLL"]
    assert table.rows[1][3:] == ["72.0", "99.0", "2.0", "12.3", "0.300", "1.250"]
    table = metrics_table(ROWS[ROWS["dataset"] == "e"])
    assert table.header[3:] == ["rob.-15", "rel. mCE", "mCE*", "rel.*", "ECE clean", "ECE", "NLL clean", "NLL"]
    assert table.rows[1][3:7] == ["-", "-", "101.0", "101.0"]


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


def test_every_table_is_written_twice(tmp_path):
    """Markdown for a README, LaTeX for a paper, with as many ampersands in each line as the header has."""
    ROWS.to_csv(tmp_path / "summary.csv", index=False)
    write_tables(tmp_path)
    for name in TABLES:
        assert (tmp_path / f"{name}.md").read_text().count("\n| ") == (len(ROWS) + 2 if name != "sparsity" else 7)
        for body in re.findall(r"\\toprule\n(.*?)\\bottomrule", (tmp_path / f"{name}.tex").read_text(), re.DOTALL):
            assert len({line.count("&") for line in body.splitlines() if line.endswith(r"\\")}) == 1


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles_as_it_is(tmp_path):
    """A paper includes the files with booktabs and nothing else."""
    ROWS.to_csv(tmp_path / "summary.csv", index=False)
    write_tables(tmp_path)
    inputs = "".join(rf"\input{{{name}.tex}}" for name in TABLES)
    paper = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{inputs}\end{{document}}"
    (tmp_path / "paper.tex").write_text(paper)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:]
    assert "Overfull" not in result.stdout


def test_names_are_escaped_on_one_line():
    """A name may hold whatever a user's file, folder or layer is called."""
    table = Table("Of a\nb.", ["method"], [[r"a|b\c{d}$e$~^<f>`g`"], ["[x](y)\n| z"]])
    assert table.markdown().splitlines()[-2:] == [
        r"| a\|b\\c{d}$e$~^\<f\>\`g\` |",
        r"| [x]\(y)\\n\| z |",
    ]
    assert table.latex("t").splitlines()[8:10] == [
        r"a\textbar{}b\textbackslash{}c\{d\}\$e\$\textasciitilde{}\textasciicircum{}\textless{}f\textgreater{}`g` \\",
        r"[x](y)\textbackslash{}n\textbar{} z \\",
    ]
