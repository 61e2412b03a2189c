import pytest
from simulated_runs import simulate_study

from dst_robustness.analysis.summary import write_summary
from dst_robustness.reporting.message import closing_message


@pytest.fixture
def results(tmp_path):
    def study(scenarios: int):
        folders = []
        for number in range(scenarios):
            folders += simulate_study(
                tmp_path, gains={"set": 0.2, "rigl": 0.1}, sparsities=[0.1, 0.5], seeds=2, images=200,
                corruptions=["fog"], dataset=f"data{number}",
            )  # fmt: skip
        write_summary([*folders, folders[0].parent / "seed7"], tmp_path / "tables", resamples=100)
        return tmp_path

    return study


def test_message_tells_verdict_best_methods_and_places(results):
    """All that a user reads at the end of a study, within 100 columns of plain text."""
    folder = results(1)
    (folder / "figures").mkdir()
    report = folder / "report.html"
    report.touch()
    text = closing_message(folder, report)
    assert "The Dynamic Sparsity Corruption Robustness (DSCR) hypothesis" in text
    assert "data0_probit (2 seeds), best method at each sparsity:" in text
    assert "SET" in text and "Dense" in text and "RigL" not in text  # noqa: PT018
    assert "A gain that is surely within 0.5 points of 0 is called equivalent." in text
    assert "1 expected run is missing" in text
    assert text.rstrip().endswith("report.html")
    assert all(len(line) <= 100 for line in text.splitlines() if str(folder) not in line)


def test_only_places_that_are_there_are_named(results):
    """`snakemake summary` makes tables and no figures."""
    folder = results(1)
    text = closing_message(folder, folder / "report.html")
    assert f"Tables   {folder / 'tables'}" in text
    assert "Figures" not in text
    assert "Report" not in text


def test_every_row_is_shown_on_demand(results):
    """Asked for a summary, the terminal shows the whole table."""
    lines = closing_message(results(1), every_row=True).splitlines()
    assert [line.split()[0] for line in lines if "0.5" in line.split()[1:2]] == ["RigL", "SET"]


def test_a_large_study_gets_one_line_per_scenario(results):
    """Nine scenarios must not scroll the verdict off the screen."""
    lines = closing_message(results(4)).splitlines()
    assert sum("SET" in line for line in lines) == 4
    assert not any("Dense" in line for line in lines)
