"""How much of a study is left, in words: counted and estimated from hand-written seconds."""

import json
import logging
from pathlib import Path

import pytest

from dst_robustness.jobs.progress import (
    Left,
    ProgressHandler,
    duration,
    measured_seconds,
    plan,
    progress,
    throughput,
    work_left,
)  # fmt: skip

VGG, DEIT = Path("b/runs/cifar10_vgg16"), Path("b/runs/imagenet_deit")


def job(folder: Path, seed: int, step: str) -> Path:
    return folder / f"rigl/0.5/seed{seed}/{step}.jsonl"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "5 s"), (48, "50 s"), (58, "1 min"), (59 * 60, "59 min"), (4200, "1 h 10 min"), (86400 + 4 * 3600, "1 d 4 h")],
)
def test_a_duration_is_as_coarse_as_an_estimate(seconds: float, words: str) -> None:
    """Seconds to five, then minutes, then hours."""
    assert duration(seconds) == words


def test_work_left_adds_the_seconds_of_each_kind() -> None:
    """Two trainings of 100 s, one evaluation of 10 s; what was never measured is named and not guessed."""
    seconds = {(VGG, "train"): 100.0, (VGG, "evaluate"): 10.0, (DEIT, "train"): None}
    jobs = [job(VGG, 0, "train"), job(VGG, 1, "train"), job(VGG, 0, "evaluate")]
    assert work_left(jobs, seconds) == Left(210.0)
    assert work_left([*jobs, job(DEIT, 0, "train")], seconds) == Left(210.0, ("imagenet_deit",))


def test_seconds_are_the_median_of_the_benchmark_files(tmp_path: Path) -> None:
    """The jobs are of the same step. A file that is cut off does not count."""
    for seed, text in enumerate(['{"s": 1}', '{"s": 2}', '{"s": 90}', '{"s'], start=1):
        file = job(tmp_path, seed, "train")
        file.parent.mkdir(parents=True)
        file.write_text(text + "\n")
    assert measured_seconds(tmp_path, "train") == 2
    assert measured_seconds(tmp_path, "evaluate") is None


@pytest.mark.parametrize(
    ("left", "hours"),
    [
        (Left(125), "About 2 min of jobs, by the jobs measured so far."),
        (Left(50400), "About 14 job hours, by the jobs measured so far."),
        (
            Left(3600, ("cifar10_vgg16",)),
            "At least 1.0 job hours, by the jobs measured so far (not yet: cifar10_vgg16).",
        ),
        (Left(0, ("cifar10_vgg16",)), "No measurements yet of how long that takes."),
    ],
)
def test_the_plan_says_how_much_of_what(left: Left, hours: str) -> None:
    """Networks and evaluations of the whole study, and hours from the past or none."""
    jobs = [job(VGG, 0, "train"), job(VGG, 0, "evaluate"), job(VGG, 1, "evaluate")]
    assert plan(jobs, 120, 130, left) == f"To train: 1 of 120 networks. To evaluate: 2 of 130. {hours}"


def test_no_plan_where_no_network_is_touched() -> None:
    """`snakemake print_config` and new figures."""
    assert plan([], 120, 120, Left(0)) == ""


def test_progress_divides_the_work_by_the_jobs_at_once() -> None:
    """8,400 seconds in two jobs at once are 70 minutes."""
    assert (
        progress(43, 120, 40, 120, Left(8400), 2)
        == "43 of 120 networks trained, 40 of 120 evaluated, about 1 h 10 min left"
    )
    assert progress(0, 0, 3, 9, Left(0, ("a_b",)), 2) == "3 of 9 evaluated"


def test_throughput_is_that_of_the_finished_jobs() -> None:
    """Two slots: jobs of 10 s from 0 to 10 in both, then one of 5 s from 10 to 15 in one: 25 s of work in 15."""
    assert throughput([(10, 10), (10, 10), (15, 5), (15, None)]) == pytest.approx(25 / 15)
    assert throughput([(10, None)]) == 0


class Snakemake:
    """The events of a call with four trainings, at hand-set times."""

    def __init__(self, folder: Path, *, local: bool = True, **options: object) -> None:
        self.now, self.said = 0.0, []
        self.jobs = {number: job(folder, number, "train") for number in range(4)}
        self.logger = logging.Logger("test")
        self.logger.addHandler(
            ProgressHandler(
                lambda: self.jobs, 4, 4, is_local=lambda: local, say=self.said.append, clock=lambda: self.now, **options
            )
        )

    def log(self, event: str, **fields: object) -> None:
        self.logger.info("", extra={"event": event, **fields})

    def finish(self, number: int, at: float, seconds: float) -> None:
        self.now = at
        self.jobs[number].parent.mkdir(parents=True)
        self.jobs[number].write_text(json.dumps({"s": seconds}))
        self.log("job_finished", job_id=number)
        self.log("progress", done=1, total=5)


def test_a_dry_run_says_the_plan_once_below_its_list_of_jobs(tmp_path: Path) -> None:
    """Snakemake gives its overview before the list and after it."""
    call = Snakemake(tmp_path, overview=2)
    call.log("run_info")
    assert call.said == []
    call.log("run_info")
    assert [line.split(".")[0] for line in call.said] == ["To train: 4 of 4 networks"]


def test_what_is_kept_is_said_where_nothing_is_to_be_done_too(tmp_path: Path) -> None:
    """There is no overview then."""
    call = Snakemake(tmp_path, nothing="Nothing to do", warn=lambda: ["one network is kept"])
    call.logger.info("Something else")
    call.logger.info("Nothing to do")
    assert call.said == ["one network is kept"]


@pytest.mark.parametrize(("local", "first", "last"), [(True, "2 min", "50 s"), (False, "5 min", "1 min")])
def test_a_line_a_minute_beside_the_events_of_snakemake(tmp_path: Path, local: bool, first: str, last: str) -> None:
    """Two at once, 100 s each. Once one is done: 300 s of work, for two jobs as far as Snakemake itself runs them; of a
    cluster, where started jobs may wait, only what has finished counts."""
    call = Snakemake(tmp_path, local=local)
    call.log("run_info")
    call.log("job_started", jobs=[0, 1, 77])  # 77 is a job on no network
    call.finish(0, at=100, seconds=100)
    call.finish(1, at=101, seconds=100)
    call.log("job_started", jobs=[2, 3])
    call.finish(2, at=200, seconds=100)
    call.finish(3, at=300, seconds=100)
    assert call.said[0] == "To train: 4 of 4 networks. To evaluate: 0 of 4. No measurements yet of how long that takes."
    assert call.said[1] == f"1 of 4 networks trained, about {first} left"
    assert call.said[2] == f"3 of 4 networks trained, about {last} left"
    assert len(call.said) == 3, "nothing within a minute, nothing after the last"
