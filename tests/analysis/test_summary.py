import json
import shutil

import numpy as np
import pandas as pd
import pytest
from simulated_runs import simulate_study, simulated_cells, write_run

from dst_robustness.analysis import Looks
from dst_robustness.analysis.summary import summarise, write_summary

CONTRACT = [
    "scenario", "dataset", "model", "method", "sparsity", "seeds", "clean_accuracy", "robust_accuracy",
    "robust_accuracy_low",
    "robust_accuracy_high", "gain", "gain_low", "gain_high", "relative_gain", "mce", "parameters",
    "training_flops_ratio", "verdict",
]  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three seeds of dense, SET (clearly better) and static (clearly worse) on 600 images and two corruptions."""
    results = tmp_path_factory.mktemp("study")
    gains = {"set": 0.2, "static": -0.2}
    folders = simulate_study(
        results, gains=gains, sparsities=[0.1, 0.5], seeds=3, images=600, corruptions=["fog", "snow"]
    )
    return results, folders


@pytest.fixture(scope="module")
def summary(study):
    return summarise(study[1], resamples=1000)


def test_summary_has_the_columns_of_the_contract_first(summary):
    """Other programs read summary.csv and corruptions.csv by these names, in this order."""
    assert list(summary.rows.columns[: len(CONTRACT)]) == CONTRACT
    assert list(summary.cells.columns) == (
        ["scenario", "dataset", "model", "method", "sparsity", "seed", "corruption", "category", "severity", "accuracy"]
    )


def test_rows_are_averages_of_the_cells(summary):
    """Robust accuracy is the uniform mean over the row's corrupted cells, gain the mean difference by seed."""
    corrupted = summary.cells[summary.cells["corruption"] != "clean"]
    by_seed = corrupted.groupby(["method", "sparsity", "seed"])["accuracy"].mean()
    for row in summary.rows.itertuples():
        own = by_seed[row.method, row.sparsity]
        assert row.robust_accuracy == pytest.approx(own.mean())
        assert row.gain == pytest.approx((own - by_seed["dense", 0.0]).mean(), abs=1e-6)
        assert row.relative_gain == pytest.approx(row.gain / by_seed["dense", 0.0].mean(), abs=1e-6)
        assert row.robust_accuracy_low < row.robust_accuracy < row.robust_accuracy_high


@pytest.mark.parametrize("looks", [None, Looks(3, 3, 6)])
def test_networks_that_learned_nothing_are_counted_and_named(tmp_path, looks):
    """Two networks at chance are equivalent, which says nothing about their methods."""
    common = {"sparsities": [0.5], "seeds": 3, "images": 200, "corruptions": ["fog"]}
    folders = simulate_study(tmp_path, gains={"set": 0.6}, dense_accuracy=0.02, **common)
    rows = summarise(folders, resamples=100, plan=looks).rows
    assert rows["at_chance"].tolist() == [3, 0]
    assert rows["note"][0].startswith("3 of 3 networks recognise no more than one answer to all would")
    assert "one answer" not in rows["note"][1]


def test_networks_one_by_one_average_to_the_rows(summary):
    """Who doubts a row finds the numbers of its networks."""
    networks = summary.networks
    assert list(networks.columns[:6]) == ["scenario", "dataset", "model", "method", "sparsity", "seed"]
    assert len(networks) == 15
    means = networks.groupby(["method", "sparsity"])["robust_accuracy"].mean()
    for row in summary.rows.itertuples():
        assert means[row.method, row.sparsity] == pytest.approx(row.robust_accuracy)


def test_a_network_says_the_accuracies_of_its_last_epoch(study, tmp_path):
    """Whether a network knows its training images by heart is the first question about overfitting."""
    shutil.copytree(study[0] / "runs", tmp_path / "runs")
    folder = tmp_path / "runs/simulated_probit/dense/0/seed1"
    lines = ["epoch,loss,accuracy,validation_accuracy", "1,2.0,0.25,0.24", "2,0.1,1.0,0.5", ""]
    (folder / "history.csv").write_text("\n".join(lines))
    (folder.with_name("seed0") / "history.csv").unlink()  # as of a network that was trained elsewhere
    found = summarise([folder.with_name("seed0"), folder], resamples=200)
    ends = found.networks.set_index("seed")[["training_accuracy", "validation_accuracy"]]
    assert ends.loc[1].tolist() == [1.0, 0.5]
    assert ends.loc[0].isna().all()
    assert found.rows.loc[0, "training_accuracy"] == 1.0


def test_clear_cases_get_clear_verdicts(summary):
    """A gain of 20 points holds, a loss of 20 fails, dense is the baseline at mCE 100; only DST counts overall."""
    verdicts = summary.rows.groupby("method")["verdict"].unique().map(list).to_dict()
    assert verdicts == {"dense": ["baseline"], "set": ["holds"], "static": ["fails"]}
    assert summary.rows.set_index("method").loc["dense", "mce"] == 100
    assert (summary.overall.answer, summary.overall.holds, summary.overall.fails) == ("supported", 2, 0)


def test_partial_study_is_summarised_and_what_is_missing_listed(study, tmp_path):
    """An expected run without files, and one seed of dense that is not there: reported, not fatal."""
    results, folders = study
    dense = results / "runs/simulated_probit/dense/0"
    kept = [folder for folder in folders if folder != dense / "seed2"]
    found = write_summary([*kept, dense / "seed9"], tmp_path, resamples=200)
    missing = pd.read_csv(tmp_path / "missing.csv")
    assert missing[["method", "seed", "reason"]].to_numpy().tolist() == [["dense", 9, "no predictions.h5"]]
    notes = found.rows.set_index("method")["note"]
    assert notes.loc["set"].str.startswith("gain from 2 of 3 seeds").all()
    assert json.loads((tmp_path / "verdict.json").read_text())["answer"] in {"supported", "undecided"}
    assert list(pd.read_csv(tmp_path / "summary.csv").columns[: len(CONTRACT)]) == CONTRACT


def test_without_a_dense_run_nothing_is_claimed(study):
    """A method alone has no gain and no verdict."""
    only_set = [folder for folder in study[1] if "/set/" in str(folder)]
    found = summarise(only_set, resamples=100)
    assert found.rows["gain"].isna().all()
    assert set(found.rows["verdict"]) == {"undecided"}
    assert set(found.rows["note"]) == {"no dense run of the same seed"}
    assert "have no baseline run of the same seed" in found.overall.sentence


def test_one_seed_is_said_to_be_one_seed(study):
    """Intervals over images only must not be taken for intervals over trainings."""
    first = [folder for folder in study[1] if folder.name == "seed0"]
    found = summarise(first, resamples=100)
    assert found.rows["note"].str.contains("one seed").all()
    assert "One seed only" in found.overall.sentence


def test_a_run_on_other_images_is_left_out(study, tmp_path):
    """Predictions on another test set must not be paired image by image."""
    other = simulate_study(tmp_path, gains={"rigl": 0.0}, sparsities=[0.1], seeds=1, images=500, corruptions=["fog"])
    found = summarise([*study[1], other[-1]], resamples=100)
    assert "rigl" not in set(found.rows["method"])
    assert found.missing["reason"].tolist() == ["evaluated on other test sets than simulated_probit dense 0 seed 0"]


def test_run_json_says_which_methods_are_dynamic_sparse_training(study, tmp_path):
    """Their names decide nothing: a method called otherwise than all others is in the pooled gain."""
    found = summarise(study[1], resamples=100)
    assert found.rows.set_index("method")["dynamic"].groupby(level=0).all().to_dict() == {
        "dense": False, "set": True, "static": False,
    }  # fmt: skip
    runs = simulate_study(tmp_path, gains={"cuckoo": 0.1}, sparsities=[0.1], seeds=1, images=50, corruptions=["fog"])
    described = json.loads((runs[1] / "run.json").read_text())
    for dst in (False, True):
        (runs[1] / "run.json").write_text(json.dumps(described | {"dst": dst}))
        found = summarise(runs, resamples=50)
        assert bool(found.rows["dynamic"].any()) == dst
        assert (found.overall.scenarios == 1) == dst


def test_any_method_may_be_the_baseline(study):
    """Against static masks of the same sparsity, SET gains 40 points, dense 20 only where there is one static row."""
    found = summarise(study[1], baseline="static", resamples=200).rows.set_index(["method", "sparsity"])
    assert found.loc["static", "verdict"].tolist() == ["baseline", "baseline"]
    assert (found.loc["static", "mce"] == 100).all()
    assert found.loc[("set", 0.1), "gain"] == pytest.approx(
        found.loc[("set", 0.1), "robust_accuracy"] - found.loc[("static", 0.1), "robust_accuracy"], abs=1e-6
    )
    assert found.loc[("set", 0.5), "verdict"] == "holds"
    assert found.loc[("dense", 0.0), "note"] == "no static run of the same seed"
    one = summarise([run for run in study[1] if "/static/0.5" not in str(run)], baseline="static", resamples=200).rows
    assert one.loc[one["method"] == "dense", "gain"].item() > 0.1


def test_the_answer_leaves_out_what_is_set_aside(study, tmp_path):
    """A scenario of unlike corruptions keeps its rows, and the sentence is that of the other one."""
    results, folders = study
    shutil.copytree(results / "runs" / "simulated_probit", tmp_path / "runs" / "unlike")
    others = [
        tmp_path / "runs" / "unlike" / folder.relative_to(results / "runs/simulated_probit") for folder in folders
    ]
    alone = summarise(folders, resamples=100)
    both = summarise([*folders, *others], resamples=100, aside=["unlike"])
    assert both.overall == alone.overall
    assert both.rows["scenario"].nunique() == 2


def test_a_baseline_that_is_not_there_leaves_no_gain(study):
    """If no run has the baseline's name, the note of each row says so."""
    found = summarise(study[1], baseline="dense_l2", resamples=50)
    assert found.rows["gain"].isna().all()
    assert found.rows["mce"].isna().all()
    assert set(found.rows["note"]) == {"no dense_l2 run of the same seed"}


def test_corruption_errors_have_intervals_around_them(summary):
    """mCE and relative mCE are ratios of means: the delta method, checked against their own values."""
    rows = summary.rows[summary.rows["method"] != "dense"]
    for name in ("mce", "relative_mce"):
        assert ((rows[f"{name}_low"] < rows[name]) & (rows[name] < rows[f"{name}_high"])).all()
    assert (rows.loc[rows["method"] == "set", "mce_high"] < 100).all()


def test_ratios_that_are_noise_are_left_out(tmp_path):
    """If corruption costs the baseline nothing, relative mCE is chance divided by chance."""
    names, severities, _ = simulated_cells(["fog", "snow"], 1)
    generator = np.random.default_rng(0)
    for method, seed in (("dense", 0), ("dense", 1), ("set", 0), ("set", 1)):
        correct = generator.random((3, 300)) < np.array([[0.6], [0.6], [0.3]])
        write_run(tmp_path / f"s/{method}/{0.5 * (method == 'set'):g}/seed{seed}", correct, names, severities)
    row = summarise(sorted(tmp_path.glob("s/*/*/*")), resamples=50).rows.set_index("method").loc["set"]
    assert np.isnan(row[["relative_mce", "relative_mce_low", "relative_mce_high"]].astype(float)).all()
    assert "relative mCE left out: dense loses too little under fog" in row["note"]
    assert row["mce_low"] < row["mce"] < row["mce_high"]


def test_the_answer_names_no_impossible_gain(tmp_path):
    """Two seeds of SET, all right and all wrong: the interval ends where dense's would be none or all right."""
    names, severities, _ = simulated_cells(["fog"], 1)
    for method, seed, share in (("dense", 0, 0.6), ("dense", 1, 0.6), ("set", 0, 1), ("set", 1, 0)):
        correct = np.tile(np.arange(20) < 20 * share, (2, 1))
        write_run(tmp_path / f"s/{method}/{0.5 * (method == 'set'):g}/seed{seed}", correct, names, severities)
    found = summarise(sorted(tmp_path.glob("s/*/*/*")), resamples=50)
    row = found.rows.set_index("method").loc["set"]
    assert (row["gain_low"], row["gain_high"]) == pytest.approx((-0.8, 0.6), abs=0.25)
    assert (found.overall.gain_low, found.overall.gain_high) == pytest.approx((row["gain_low"], row["gain_high"]))


def test_noise_against_blur_and_the_slope_over_frequencies(tmp_path):
    """A gain of 20 points under noise alone, whose share of high frequencies is 0.8 and not 0.2."""
    names, severities = ["clean", "gaussian_noise", "defocus_blur"], [0, 1, 1]
    generator = np.random.default_rng(1)
    for method, accuracy in (("dense", 0.4), ("set", 0.6)):
        for seed in (0, 1, 2):
            correct = generator.random((3, 2000)) < np.array([[0.9], [accuracy], [0.5]])
            write_run(tmp_path / f"s/{method}/{0.5 * (method == 'set'):g}/seed{seed}", correct, names, severities)
    (tmp_path / "frequency.csv").write_text(
        "dataset,corruption,severity,high_frequency_share\nsimulated,gaussian_noise,1,0.8\nsimulated,defocus_blur,1,0.2\n"
    )
    folders = sorted(tmp_path.glob("s/*/*/*"))
    row = summarise(folders, frequency=tmp_path / "frequency.csv", resamples=50).rows.set_index("method").loc["set"]
    assert row["noise_minus_blur_low"] < 0.2 < row["noise_minus_blur_high"]
    assert row["noise_minus_blur"] == pytest.approx(0.2, abs=0.03)
    assert row["frequency_slope"] == pytest.approx(row["noise_minus_blur"] / 0.6, rel=1e-4)
    assert np.isnan(summarise(folders, resamples=50).rows["frequency_slope"]).all()


def test_a_study_that_looks_takes_its_words_from_the_looks(study):
    """The only look is after three seeds: 20 points are seen at once, and the word says after how many."""
    found = summarise(study[1], plan=Looks(3, 1, 3), resamples=100)
    rows = found.rows.set_index("method")
    assert set(rows.loc["set", "verdict"]) == {"holds"}
    assert set(rows.loc["set", "note"]) == {"decided after 3 seeds"}
    assert rows["p_value"].isna().all()
    assert found.overall.answer == "supported"
    waiting = summarise(study[1], plan=Looks(5, 5, 10), resamples=100).rows.set_index("method")
    assert set(waiting.loc["set", "note"]) == {"first looked at after 5 seeds"}
    assert set(waiting.loc["set", "verdict"]) == {"undecided"}


def test_a_ladder_is_attributed(study, tmp_path):
    """Steps of SET at both sparsities, from the rungs that are there, sum to its gain."""
    found = write_summary(study[1], tmp_path, resamples=50)
    table = pd.read_csv(tmp_path / "attribution.csv")
    assert list(table.columns) == ["scenario", "method", "sparsity", "step", "difference", "low", "high", "seeds"]
    assert table["step"].tolist() == ["capacity+sparsity", "allocation+topology+dynamics"] * 2
    gains = found.rows[found.rows["method"] == "set"].set_index("sparsity")["gain"]
    sums = table.groupby("sparsity")["difference"].sum()
    assert sums.to_dict() == pytest.approx(gains.to_dict(), abs=1e-6)
    said = json.loads((tmp_path / "attribution.json").read_text())
    assert said[0]["sentence"].startswith("set at 10% sparsity: of ")


def test_controls_of_another_method_are_no_rungs(tmp_path):
    """A frozen mask of RigL says nothing of SET, so which run it starts from counts, not its name."""
    folders = simulate_study(
        tmp_path, gains={"set": 0.1, "mine": 0.1}, sparsities=[0.5], seeds=2, images=100, corruptions=["fog"]
    )
    for run in (folder for folder in folders if "/mine/" in str(folder)):
        described = json.loads((run / "run.json").read_text()) | {"variant_of": "dst_frozen"}
        (run / "run.json").write_text(json.dumps(described))
    assert summarise(folders, sources={"mine": "rigl"}, resamples=50).attribution.empty
    steps = summarise(folders, sources={"mine": "set"}, resamples=50).attribution["step"].tolist()
    assert steps == ["capacity+sparsity+allocation+topology", "dynamics"]


def test_nothing_at_all_gives_empty_tables(tmp_path):
    """The first call of a study that has not begun."""
    found = write_summary([tmp_path / "digits/lenet/dense/0/seed0"], tmp_path / "tables")
    assert found.rows.empty
    assert pd.read_csv(tmp_path / "tables/corruptions.csv").empty
    assert len(pd.read_csv(tmp_path / "tables/missing.csv")) == 1


def test_a_foreign_folder_is_named(tmp_path):
    """One line that says what was expected."""
    with pytest.raises(ValueError, match="not the folder of a run"):
        summarise([tmp_path / "somewhere"])


def with_row(text: str, *rows: str) -> str:
    return text.rstrip("\n") + "\n" + "\n".join(rows) + "\n"


def with_values(**values):
    return lambda text: json.dumps(json.loads(text) | values)


DAMAGE = {
    "metrics.csv": {
        "an accuracy of 5": lambda text: with_row(text, "hail,weather,5,5.0,0.1,0.1"),
        "a negative accuracy": lambda text: with_row(text, "hail,weather,5,-0.1,0.1,0.1"),
        "no accuracy": lambda text: with_row(text, "hail,weather,5,,0.1,0.1"),
        "a cell twice": lambda text: with_row(text, text.splitlines()[-1]),
        "words": lambda text: with_row(text, "hail,weather,5,good,0.1,0.1"),
        "too many columns": lambda text: with_row(text, "hail,weather,5,1,1,1,1,1,1,1"),
        "half": lambda text: "\n".join(text.splitlines()[: len(text.splitlines()) // 2]) + "\n",
        "another header": lambda text: text.replace("accuracy", "precision", 1),
        "a header alone": lambda text: text.splitlines()[0] + "\n",
        "nothing": lambda text: "",
        "zeros": lambda text: "\0" * len(text),
    },
    "run.json": {
        "half": lambda text: text[: len(text) // 2],
        "a list": lambda text: "[1, 2]",
        "words for a number": with_values(train_seconds="long"),
        "no number": with_values(parameters=float("nan")),
        "less than nothing": with_values(train_seconds=-1),
        "no kind": with_values(dst=None),
    },
    "history.csv": {
        "words": lambda text: text[: text.rstrip().rindex(",") + 1] + "x\n",
        "an epoch twice": lambda text: with_row(text, text.splitlines()[-1]),
        "nothing": lambda text: "",
    },
    "predictions.h5": {"half": lambda text: text[: len(text) // 2]},
}


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, kinds in DAMAGE.items() for what in kinds])
def test_one_damaged_file_is_named_and_set_aside_and_costs_one_run(study, tmp_path, name, what):
    """The tables of the others are written, and what cannot be is in none of them."""
    results, folders = study
    pair = [next(f for f in folders if f.parts[-3:] == (*name, "seed0")) for name in (("dense", "0"), ("set", "0.1"))]
    good, bad = (tmp_path / folder.relative_to(results) for folder in pair)
    for source, target in zip(pair, (good, bad), strict=True):
        shutil.copytree(source, target)
    text = (bad / name).read_text("latin1")
    (bad / name).write_text(DAMAGE[name][what](text), "latin1")
    found = summarise([good, bad], resamples=100)
    (reason,) = found.missing["reason"]
    assert reason.startswith(f"cannot read {bad / name}: ")
    assert reason.endswith(f"; it is now {name}.damaged")
    assert not (bad / name).exists()
    assert found.cells["accuracy"].between(0, 1).all()
    assert set(found.cells["method"]) == set(found.rows["method"]) == {"dense"}
