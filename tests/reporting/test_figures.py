import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from simulated_runs import simulate_networks, simulate_study

from dst_robustness.analysis.summary import write_summary
from dst_robustness.evaluation.frequency_response import fourier_errors, radius_accuracy
from dst_robustness.reporting.figures import (
    ANALYSIS_FIGURES,
    ANALYSIS_TABLES,
    CAPTIONS,
    FIGURES,
    figures_of,
    write_figure,
)
from dst_robustness.reporting.study_tables import StudyTables
from dst_robustness.reporting.style import LOOKS, legend_below, method_style, new_figure
from dst_robustness.sparsity import METHODS


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of a study with two scenarios, one at several sparsities and one at a single one, of networks that were
    trained elsewhere, and of the analyses."""
    folder = tmp_path_factory.mktemp("figures")
    common = {
        "gains": {"static": 0.0, "set": 0.1, "mest_g": -0.1},
        "seeds": 2,
        "images": 40,
        "corruptions": ["fog", "snow"],
    }
    folders = simulate_study(folder, sparsities=[0.1, 0.5], dataset="one", **common)
    folders += simulate_study(folder, sparsities=[0.1], dataset="two", **common)
    tested = {"ours": 0.5, "theirs": 0.7, "third": 0.3}
    folders += simulate_networks(folder, tested, images=40, corruptions=["fog", "snow"])
    write_summary(folders, folder / "tables", resamples=20)
    images, labels = np.full((4, 8, 8, 3), 100, np.uint8), np.arange(4)
    for number, method in enumerate(("dense", "set")):
        run = {
            "scenario": "one_probit",
            "dataset": "one",
            "model": "probit",
            "method": method,
            "sparsity": 0.5 * number,
            "seed": 0,
        }
        answer = lambda x, number=number: np.arange(4) * (x.std() < 9 + 9 * number)  # noqa: E731
        layers = pd.DataFrame(
            {"layer": ["a", "b"], "nonzeros": [5, 9], "weights": 10, "empty_kernels": 1, "kernels": 5,
             "empty_input_channels": 0, "input_channels": 3}
        )  # fmt: skip
        found = {"radius": radius_accuracy(answer, images, labels), "fourier": fourier_errors(answer, images, labels)}
        for name, table in (found | {"layers": layers}).items():
            path = folder / f"tables/{name}.csv"
            table.assign(**run).to_csv(path, mode="a", header=not path.exists(), index=False)
    return folder / "tables"


def drawn(figure) -> bool:
    """Return whether a figure shows data: lines, bars, points or images in axes that can be seen."""
    plt.close(figure)
    return any(axes.axison and (axes.lines or axes.patches or axes.collections or axes.images) for axes in figure.axes)


@pytest.mark.parametrize("name", [*FIGURES, *ANALYSIS_FIGURES])
def test_figure_is_drawn_from_tables(name, tables, tmp_path):
    """From tables without a row comes a note, not an error: a partial study has a report, too."""
    registry = ANALYSIS_FIGURES if name in ANALYSIS_FIGURES else FIGURES
    assert drawn(registry[name](StudyTables(tables)))
    assert not drawn(registry[name](StudyTables(tmp_path if name in ANALYSIS_FIGURES else _empty(tables, tmp_path))))
    assert name in CAPTIONS


@pytest.mark.parametrize("name", ["robustness_by_sparsity", "topology_over_training", "fourier_maps"])
def test_a_figure_of_one_scenario_is_as_wide_as_a_column(name, tables, tmp_path):
    """A paper of two columns takes it as it is: 3.25 inches, the other scenario left out. Nobody asks for its PNG."""
    registry = ANALYSIS_FIGURES if name in ANALYSIS_FIGURES else FIGURES
    alone, joint = (registry[name](StudyTables(tables, scenario)) for scenario in ("one_probit", None))
    assert alone.get_figwidth() <= 3.25
    assert np.prod(alone.get_size_inches()) <= np.prod(joint.get_size_inches())
    plt.close("all")
    assert [path.suffix for path in write_figure(name, tables, tmp_path / name, scenario="one_probit")] == [".pdf"]


def test_decided_rows_are_marked(tables, tmp_path):
    """A reader sees which rows are decided without the table."""
    rows = pd.read_csv(tables / "summary.csv")
    for word, mark in {"undecided": "", "holds": "+", "fails": "-", "equivalent": "="}.items():
        words = rows["verdict"].where(rows["verdict"] == "baseline", word)
        rows.assign(verdict=words).to_csv(tmp_path / "summary.csv", index=False)
        figure = FIGURES["robustness_by_sparsity"](StudyTables(tmp_path))
        assert {text.get_text() for axes in figure.axes for text in axes.texts} == {mark}
        plt.close(figure)


@pytest.mark.parametrize("name", ["robustness_by_sparsity", "clean_against_robust", "cost_against_robustness"])
def test_a_scenario_of_the_baseline_alone_has_no_panel(name, tables, tmp_path):
    """It compares nothing: a study may train clips with dense networks only."""
    rows = pd.read_csv(tables / "summary.csv")
    alone = (rows["scenario"] == "two_probit") & (rows["verdict"] != "baseline")
    rows[~alone].to_csv(tmp_path / "summary.csv", index=False)
    titles = [axes.get_title() for axes in FIGURES[name](StudyTables(tmp_path)).axes if axes.axison]
    assert "one, probit" in titles
    assert "two, probit" not in titles
    plt.close("all")


def test_kernel_maps_are_drawn_from_a_stored_network(tmp_path):
    """One panel a layer of convolutions, from the files of a run."""
    torch = pytest.importorskip("torch")
    from dst_robustness.reporting.figures.kernel_maps import write_kernel_maps

    folder = tmp_path / "d_m/rigl/0.5/seed0"
    folder.mkdir(parents=True)
    weights = {f"layer{i}.weight": torch.randn(8, 8, 3, 3).clamp(min=0) for i in range(3)}
    torch.save(weights | {"fc.weight": torch.ones(4, 8)}, folder / "model.pt")
    _, png = write_kernel_maps(folder, tmp_path / "kernels")
    assert Image.open(png).width > 3 * 400
    assert (np.asarray(Image.open(png).convert("L")) < 250).mean() > 0.2


def _empty(tables, folder):
    for path in tables.glob("*.csv"):
        pd.read_csv(path).iloc[:0].to_csv(folder / path.name, index=False)
    return folder


def test_each_set_of_natural_shift_has_a_panel(tmp_path):
    """Its height is the accuracy on that set, not robust accuracy."""
    names = {"scenario": "c10", "dataset": "cifar10", "model": "resnet8"}
    rows = pd.DataFrame([names | {"method": "dense", "sparsity": 0.0}, names | {"method": "set", "sparsity": 0.5}])
    rows.assign(clean_accuracy=0.9, robust_accuracy=0.7, verdict=["baseline", "holds"], trained_here=True).to_csv(
        tmp_path / "summary.csv", index=False
    )
    rows.assign(shift="cifar10_1", accuracy=[0.4, 0.5]).to_csv(tmp_path / "shifts.csv", index=False)
    figure = FIGURES["clean_against_robust"](StudyTables(tmp_path))
    assert [axis.get_ylabel() for axis in figure.axes] == ["robust accuracy (%)", "accuracy on cifar10_1 (%)"]
    heights = [dots.get_offsets()[0][1] for dots in figure.axes[1].collections]
    assert heights == pytest.approx([40, 50])
    plt.close(figure)


def test_the_same_tables_give_the_same_files(tables, tmp_path):
    """A figure that did not change must not look changed: no dates in the files."""
    first, second = (write_figure("clean_against_robust", tables, tmp_path / str(i)) for i in range(2))
    assert first[0].read_bytes().startswith(b"%PDF")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_every_method_has_a_look_of_its_own():
    """No two methods share colour, marker and line, nor do usual variants of one method."""
    assert set(ANALYSIS_TABLES) == set(ANALYSIS_FIGURES)
    variants = ("rigl_uniform", "rigl_zero", "rigl_keep", "rigl_frozen")
    looks = {method: tuple(method_style(method).values()) for method in (*METHODS, *variants)}
    assert len(set(looks.values())) == len(looks), looks
    assert set(METHODS) <= set(LOOKS)


def test_networks_from_elsewhere_are_in_figures_of_their_own(tables):
    """They have no sparsity to be drawn at; each has its map of gains, and a panel of gains without methods."""
    panels = {
        name: [axes.get_title() for axes in FIGURES[name](StudyTables(tables)).axes if axes.get_title()]
        for name in ("robustness_by_sparsity", "robustness_by_network", "gain_by_corruption", "gains")
    }
    plt.close("all")
    assert panels["robustness_by_sparsity"] == ["one, probit", "two, probit"]
    assert panels["robustness_by_network"] == ["ours (simulated, probit)"]
    assert panels["gain_by_corruption"] == ["one, probit", "two, probit", "theirs beside ours", "third beside ours"]
    assert panels["gains"] == ["sparsity 0.1", "sparsity 0.5", "trained elsewhere"]


@pytest.mark.parametrize(
    ("trained", "taken", "drawn_of_these"),
    [(True, True, ["robustness_by_sparsity", "robustness_by_network"]), (True, False, ["robustness_by_sparsity"]),
     (False, True, ["robustness_by_network"])],
)  # fmt: skip
def test_a_study_has_no_figure_that_could_only_be_empty(trained, taken, drawn_of_these):
    """Nothing was trained: no curves and no topologies. No controls: nothing explains a gain."""
    names = figures_of(trained=trained, taken=taken, controls=False)
    assert "attribution" not in names
    assert [name for name in names if name.startswith("robustness")] == drawn_of_these
    assert ("training_curves" in names) == trained


@pytest.mark.parametrize(("panels", "lines"), [(1, 3), (2, 2), (3, 2)])
def test_a_legend_is_not_cut_off(panels, lines):
    """The names of variants are long, and a ladder has nine rungs: the whole legend stays within the figure."""
    figure, axes = new_figure(panels)
    rungs = "Dense Dense-small RigL rigl_frozen rigl_shuffled SET set_frozen set_shuffled Static"
    for name in rungs.split():
        axes[0].plot([0, 1], [0, 1], label=name)
    legend_below(figure, axes)
    (legend,) = figure.legends
    figure.canvas.draw()
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert len({round(text.get_window_extent().y0) for text in legend.get_texts()}) == lines
    plt.close(figure)
