import json
import shutil

import pandas as pd
import pytest
from simulated_runs import simulate_study

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
    assert "cannot be judged" in found.overall.sentence


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
