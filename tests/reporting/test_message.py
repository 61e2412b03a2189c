import json
import shutil

import pandas as pd
import pytest
import yaml
from simulated_runs import simulate_networks, simulate_study

from dst_robustness.analysis.summary import write_summary
from dst_robustness.reporting.message import closing_message
from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import read_scenarios


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of one scenario with two methods at two sparsities, and of a run that is missing."""
    folder = tmp_path_factory.mktemp("study")
    folders = simulate_study(
        folder, gains={"set": 0.2, "rigl": 0.1}, sparsities=[0.1, 0.5], seeds=2, images=50, corruptions=["fog"],
        dataset="data0",
    )  # fmt: skip
    write_summary([*folders, folders[0].parent / "seed7"], folder / "tables", resamples=20)
    return folder / "tables"


@pytest.fixture
def results(tables, tmp_path):
    """The same in a folder that a test may add to."""
    shutil.copytree(tables, tmp_path / "tables")
    return tmp_path


def test_message_tells_verdict_best_methods_and_places(results):
    """All that a user reads at the end of a study, within 100 columns of plain text."""
    (results / "figures").mkdir()
    report = results / "report.html"
    report.touch()
    text = closing_message(results, report)
    assert "data0_probit (2 seeds), all methods:" in text
    assert "SET" in text and "Dense" in text  # noqa: PT018
    assert "A gain that is surely within 0.5 of 0 is equivalent." in text
    assert "1 expected run has no results yet" in text
    assert text.rstrip().endswith("report.html")
    assert all(len(line) <= 100 for line in text.splitlines() if str(results) not in line)


def test_only_places_that_are_there_are_named(results):
    """`snakemake summary` makes tables and no figures."""
    text = closing_message(results, results / "report.html")
    assert f"Tables   {results / 'tables'}" in text
    assert "Figures" not in text
    assert "Report" not in text


def test_a_newcomer_reads_question_answer_and_what_a_gain_is(results):
    """A reader who does not know the hypothesis learns the question, the answer, and how sure it is."""
    (results / "tables/verdict.json").write_text(
        json.dumps(
            {"answer": "contradicted", "holds": 1, "fails": 3, "equivalent": 0, "undecided": 0, "seeds": 4,
             "looks": False, "gain": -0.0383, "gain_low": -0.0669, "gain_high": 0.001, "margin": 0.005}
        )
    )  # fmt: skip
    text = " ".join(closing_message(results).split())
    asked = "Question Do networks that keep only some of their weights, and change which while they learn (RigL, SET),"
    assert asked in text
    assert (
        "Answer No: of 100 corrupted ones they recognised 3.83 fewer, with a 95% interval from 6.69 fewer to 0.10 "
        in text
    )
    assert "0.10 more (4 seeds). Of the comparisons with Dense, 1 found more, 3 fewer, 0 as many (within 0.5 " in text
    assert "A gain of +1 point: of 100 corrupted images or clips, one more is recognised." in text
    assert "mine.yaml" not in text


@pytest.mark.parametrize(
    ("change", "said"),
    [({"seeds": 1}, "one seed, so this speaks of these networks alone"), ({"looks": True}, "counts one look")],
)
def test_what_limits_the_answer_is_said(results, change, said):
    """One seed, and a pooled interval that does not know of several looks, are no full answer."""
    verdict = results / "tables/verdict.json"
    verdict.write_text(json.dumps(json.loads(verdict.read_text()) | change))
    assert said in " ".join(closing_message(results).split())


def test_the_suggested_study_is_a_study(results):
    """What a newcomer is told to copy passes the check of the configuration."""
    text = closing_message(results, suggest=True)
    lines = text[text.index("mine.yaml,") : text.index("and run")].splitlines()[1:]
    study = read_study(yaml.safe_load("\n".join(lines)))
    assert [run.seed for run in read_scenarios(study)["mine_resnet18"].runs if run.method == "dense"] == [0, 1, 2, 3]
    assert text.rstrip().endswith("uv run snakemake --cores all --configfile mine.yaml")


def test_every_row_is_shown_on_demand(results):
    """Asked for a summary, the terminal shows the whole table."""
    lines = closing_message(results, every_row=True).splitlines()
    assert [line.split()[0] for line in lines if "0.5" in line.split()[1:2]] == ["RigL", "SET"]


def test_rows_with_fewer_seeds_are_not_hidden_behind_the_most(results):
    """In the middle of a study some rows have more seeds than others."""
    rows = pd.read_csv(results / "tables/summary.csv")
    rows.loc[rows["method"] == "dense", "seeds"] = 5
    rows.to_csv(results / "tables/summary.csv", index=False)
    assert "data0_probit (2 to 5 seeds), all methods:" in closing_message(results)


def test_a_large_study_gets_one_line_per_scenario(results):
    """Nine scenarios must not scroll the verdict off the screen."""
    rows = pd.read_csv(results / "tables/summary.csv")
    many = pd.concat([rows.assign(scenario=f"scenario{number}") for number in range(4)])
    many.to_csv(results / "tables/summary.csv", index=False)
    lines = closing_message(results).splitlines()
    assert sum(line.startswith("  SET") for line in lines) == 4
    assert not any(line.startswith("  Dense") for line in lines)


def test_where_nothing_was_trained_the_message_speaks_of_networks(tmp_path):
    """No question about sparse training, no column of sparsities; a clear difference of two networks is decided."""
    folders = simulate_networks(tmp_path, {"ours": 0.4, "theirs": 0.7}, images=100, corruptions=["fog"])
    write_summary(folders, tmp_path / "tables", resamples=100)
    text = closing_message(tmp_path)
    assert text.startswith("\nUnder corruption, the most robust of the 2 networks is theirs, with ")
    assert "ours, all networks:\n  network  clean %  robust %  gain in points" in text
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("  theirs")] == ["holds"]
    assert "sparsity" not in text


def test_a_gain_without_an_interval_says_so(results):
    """Before its first look a study with looks has gains and no intervals: the terminal must not print nan."""
    rows = pd.read_csv(results / "tables/summary.csv")
    rows[["gain_low", "gain_high"]] = float("nan")
    rows.to_csv(results / "tables/summary.csv", index=False)
    text = closing_message(results, every_row=True)
    assert "(no interval)" in text
    assert "nan" not in text


def test_the_question_is_about_the_baselines_of_the_methods_alone(tables, tmp_path):
    """A network from elsewhere that is compared with others is no rival of sparse training."""
    others = simulate_networks(tmp_path, {"ours": 0.4, "theirs": 0.7}, images=50, corruptions=["fog"], seeds=2)
    folders = [*others, *tables.parent.glob("runs/*/*/*/*")]
    write_summary(folders, tmp_path / "tables", resamples=20)
    assert "without that (Dense)?" in " ".join(closing_message(tmp_path).split())
