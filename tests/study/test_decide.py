"""Which runs a look needs: undecided rows get more seeds, the baseline and sources of controls with them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dst_robustness.study import decide
from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import read_scenarios
from dst_robustness.study.options import Decide

BASE = {
    "methods": ["dense", "set", "rigl"],
    "sparsities": [0.5],
    "scenarios": [{"dataset": "digits", "model": "resnet8", "name": "s"}],
}
SET, RIGL = ("s", "set", 0.5), ("s", "rigl", 0.5)


def scenarios(**changes):
    study = read_study({**BASE, "decide": {"first": 2, "step": 1, "last": 4}, **changes})
    return study, list(read_scenarios(study).values())


def seeds_by_method(runs) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for run in runs:
        found.setdefault(run.method, []).append(run.seed)
    return found


def test_decided_rows_get_no_more_seeds_and_the_baseline_those_that_any_row_needs() -> None:
    """SET was decided after two seeds; RigL goes on to three, and so does dense."""
    study, own = scenarios()
    rows = decide.rows_of(own, study.baseline)
    assert rows == [SET, RIGL]
    decisions = {SET: {"decided": True, "seeds": 2}, RIGL: {"decided": False, "seeds": 2}}
    needed = decide.runs_needed(own, decide.seeds_needed(rows, decisions, 3))
    assert seeds_by_method(needed) == {"dense": [0, 1, 2], "set": [0, 1], "rigl": [0, 1, 2]}


def test_a_control_takes_the_seeds_of_its_source_along() -> None:
    """The frozen masks of SET need another SET run, although SET itself is decided."""
    _, own = scenarios(
        methods=["dense", "set", "frozen"], variants={"frozen": {"method": "dst_frozen", "source": "set"}}
    )
    needed = decide.runs_needed(own, {SET: 2, ("s", "frozen", 0.5): 3})
    assert seeds_by_method(needed) == {"dense": [0, 1, 2], "set": [0, 1, 2], "frozen": [0, 1, 2]}


def test_looks_end_when_all_rows_are_decided_or_no_seeds_are_left(tmp_path: Path) -> None:
    """The files of looks are read in order, and none after the last."""
    study, _ = scenarios()
    plan = study.decide
    assert plan is not None
    assert plan.looks == (2, 3, 4)
    one = {"scenario": "s", "method": "set", "sparsity": 0.5, "seeds": 2, "verdict": "undecided", "decided": False}
    (tmp_path / "2.json").write_text(json.dumps([one]))
    (tmp_path / "3.json").write_text(json.dumps([one | {"seeds": 3, "verdict": "holds", "decided": True}]))
    (tmp_path / "4.json").write_text(json.dumps([one]))  # of an earlier study with other data
    assert [seeds for seeds, _ in decide.looks_so_far(plan, tmp_path)] == [2, 3]
    assert decide.is_last(plan, {SET: one}, 4)
    assert decide.standing({SET: one | {"decided": True, "verdict": "holds"}, RIGL: one}, 3) == (
        "After 3 seeds 1 of 2 rows are decided: 1 holds."
    )


def test_a_forecast_follows_the_spread_seen() -> None:
    """A gain of 1 point with an interval of +-0.5 is decided at the next look; one of +-2 takes all seeds."""
    study, own = scenarios(decide={"first": 2, "step": 1, "last": 30})
    plan = study.decide
    assert plan is not None
    seen = {"decided": False, "seeds": 2, "gain": 0.01}
    near = seen | {"low": 0.005, "high": 0.015}
    far = seen | {"low": -0.01, "high": 0.03}
    runs = decide.forecast(own, [SET, RIGL], plan, {SET: near, RIGL: far})
    assert {method: len(seeds) for method, seeds in seeds_by_method(runs).items()} == {"dense": 8, "set": 3, "rigl": 8}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": [0, 1]}, "the study has both `decide` and `seeds`"),
        ({"decide": {"first": 9, "last": 4}}, "decide first is 9, more than last, 4"),
        ({"decide": {"margin": 0}}, "decide.margin is 0; allowed: number, more than 0 and at most 20"),
        ({"decide": {"first": 1}}, "decide.first is 1; allowed: integer, at least 2"),
        ({"margin": 30}, "margin is 30; allowed: number, more than 0 and at most 20"),
        ({"margin": 1, "decide": {"margin": 2}}, "the study has margin 1 and decide.margin 2; give one of them"),
        ({"ladder": ["static"], "methods": ["dense", "static"]}, "static is not dynamic sparse training"),
        ({"ladder": ["mest_g"]}, "unknown method in ladder 'mest_g'"),
        ({"baseline": "dense_l2"}, "methods lack 'dense_l2'"),
    ],
)
def test_what_does_not_fit_is_one_line(changes: dict, words: str) -> None:
    """Where, what, and what is allowed."""
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        scenarios(**changes)
    assert len(str(caught.value).splitlines()) == 1


def test_looks_that_start_anew_are_told() -> None:
    """A look is never repeated on other data without a word."""
    assert decide.taken_again([]) == []
    assert decide.taken_again([10, 5]) == [
        "The looks start anew at 5 seeds, since the results that they look at, or their plan, have changed."
    ]


def test_the_next_look_follows_the_last_one_that_left_a_row_undecided() -> None:
    """None once all rows are decided, or once no more seeds are allowed."""
    plan = Decide(first=2, step=2, last=5)
    undecided, decided = ({SET: {"decided": is_decided}} for is_decided in (False, True))
    assert decide.next_look(plan, []) == 2
    assert decide.next_look(plan, [(2, undecided)]) == 4
    assert decide.next_look(plan, [(2, undecided), (4, undecided)]) == 5
    assert decide.next_look(plan, [(2, undecided), (4, decided)]) is None
    assert decide.next_look(plan, [(5, undecided)]) is None
