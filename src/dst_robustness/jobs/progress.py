"""How much of a study is left, in words. The estimate comes from the seconds that its finished jobs took.

A job is named by its benchmark file, ``runs/{scenario}/{method}/{sparsity}/seed{seed}/{step}.jsonl`` in any folder.
Jobs of one kind share scenario and step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from dst_robustness.jobs.events import EventHandler

TRAIN, EVALUATE = "train", "evaluate"
PAUSE = 60.0  # seconds from one line to the next
Kind = tuple[Path, str]


@dataclass(frozen=True)
class Left:
    """The work that is left.

    Attributes:
        seconds: the sum over the jobs of all kinds that were measured.
        unmeasured: the scenarios in which no job of some step has finished yet. Their jobs are not in the sum.
    """

    seconds: float
    unmeasured: tuple[str, ...] = ()


def kind_of(job: Path) -> Kind:
    """Return the folder of a job's scenario, and the job's step."""
    return job.parents[3], job.stem


def seconds_taken(job: Path) -> float | None:
    """Return the seconds that a job took, or None if its benchmark file is missing or unreadable."""
    try:
        return float(json.loads(job.read_text(encoding="utf-8").splitlines()[-1])["s"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def measured_seconds(folder: Path, step: str) -> float | None:
    """Return the median seconds of the finished jobs of one kind, or None if there are none."""
    seconds = [taken for job in folder.glob(f"*/*/*/{step}.jsonl") if (taken := seconds_taken(job)) is not None]
    return median(seconds) if seconds else None


def work_left(jobs: Collection[Path], seconds: Mapping[Kind, float | None]) -> Left:
    """Return the work of these jobs, given the seconds that a job of each kind takes (None: not known)."""
    known = [taken for job in jobs if (taken := seconds[kind_of(job)]) is not None]
    unknown = {kind_of(job)[0] for job in jobs if seconds[kind_of(job)] is None}
    return Left(sum(known), tuple(sorted(folder.name for folder in unknown)))


def plan(jobs: Collection[Path], networks: int, evaluations: int, left: Left) -> str:
    """Return how much a call will train and evaluate, and in how many hours; an empty text if it does neither."""
    steps = [job.stem for job in jobs]
    if not {TRAIN, EVALUATE} & set(steps):
        return ""
    to_train = f"To train: {steps.count(TRAIN)} of {networks} networks. " * (networks > 0)
    what = f"{to_train}To evaluate: {steps.count(EVALUATE)} of {evaluations}."
    if not left.seconds:
        return f"{what} No measurements yet of how long that takes."
    hours = left.seconds / 3600
    amount = f"{hours:,.{1 if hours < 10 else 0}f} job hours" if hours >= 1 else f"{duration(left.seconds)} of jobs"
    about = "At least" if left.unmeasured else "About"
    return f"{what} {about} {amount}, by the jobs measured so far{_lacking(left)}."


def progress(trained: int, networks: int, evaluated: int, evaluations: int, left: Left, at_once: float) -> str:
    """Return how many networks this call has trained and evaluated so far, and about how long the rest takes.

    Args:
        trained: networks trained so far, of ``networks``.
        networks: networks that this call trains.
        evaluated: evaluations done so far, of ``evaluations``.
        evaluations: evaluations that this call does.
        left: the work that is left.
        at_once: jobs that run side by side, on average.
    """
    parts = [(trained, networks, "networks trained"), (evaluated, evaluations, "evaluated")]
    done = ", ".join(f"{some} of {total} {what}" for some, total, what in parts if total)
    return f"{done}, {words}{_lacking(left)}" if (words := time_left(left, at_once)) else done


def time_left(left: Left, at_once: float) -> str:
    """Return ``about 3 min left`` for so many jobs at once; an empty text if no job was measured."""
    if not left.seconds or not at_once:
        return ""
    return f"{'at least' if left.unmeasured else 'about'} {duration(left.seconds / at_once)} left"


def _lacking(left: Left) -> str:
    return f" (not yet: {', '.join(left.unmeasured)})" if left.unmeasured else ""


def duration(seconds: float) -> str:
    """Return a time in words, rounded as an estimate should be: ``50 s``, ``12 min``, ``1 h 10 min``, ``3 d 4 h``."""
    if seconds < 57.5:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def throughput(finished: Iterable[tuple[float, float | None]]) -> float:
    """Return how many jobs ran side by side on average. ``finished`` says when each ended and how long it took."""
    known = [(end, seconds) for end, seconds in finished if seconds is not None]
    if not known:
        return 0.0
    start, end = min(end - seconds for end, seconds in known), max(end for end, _ in known)
    return sum(seconds for _, seconds in known) / (end - start) if end > start else 0.0


class ProgressHandler(EventHandler):
    """Prints the plan of a call below Snakemake's table of jobs, and once a minute what is left.

    Args:
        jobs: returns the benchmark file of each job on a network that this call has to do, by the job's number.
        networks: how many networks the whole study trains.
        evaluations: how many evaluations it has.
        is_local: whether a job runs as soon as Snakemake starts it. On a cluster it may wait in a queue.
        say: prints a line on the terminal.
        warn: returns the lines that come before the plan: what this call does to existing results.
        overview: number of the overview of Snakemake below which the plan is printed. A dry run that lists its jobs
            prints one before and one after the list.
        nothing: what Snakemake prints if nothing is to be done.
        quiet: print only the plan.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        jobs: Callable[[], Mapping[int, Path]],
        networks: int,
        evaluations: int,
        *,
        is_local: Callable[[], bool],
        say: Callable[[str], None],
        warn: Callable[[], Iterable[str]] = list,
        overview: int = 1,
        nothing: str = "",
        quiet: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.read_jobs, self.networks, self.evaluations = jobs, networks, evaluations
        self.is_local, self.say, self.warn, self.quiet, self.clock = is_local, say, warn, quiet, clock
        self.overviews, self.nothing = overview, nothing  # overviews to come until the plan is said
        self.jobs: dict[int, Path] = {}
        self.earlier: dict[Kind, float | None] = {}  # seconds that a job of a kind took in earlier calls
        self.running: set[int] = set()
        self.most_running = 0
        self.finished: dict[int, tuple[float, float | None]] = {}  # when a job ended, and how many seconds it took
        self.said = float("-inf")

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        if event == "run_info":
            self.overviews -= 1
            if self.overviews == 0:
                self.jobs = dict(self.read_jobs())
                self.earlier = {kind: measured_seconds(*kind) for kind in set(map(kind_of, self.jobs.values()))}
                self._say((*self.warn(), plan(self.jobs.values(), self.networks, self.evaluations, self._left())))
        elif event == "job_started":
            self.running |= self.jobs.keys() & set(fields["jobs"])
            self.most_running = max(self.most_running, len(self.running))
        elif event == "job_error":
            self.running.discard(fields["jobid"])
        elif event == "job_finished" and (job := fields["job_id"]) in self.jobs:
            self.running.discard(job)
            self.finished[job] = self.clock(), seconds_taken(self.jobs[job])
        elif event == "progress" and self._is_due():
            self.said = self.clock()
            self.say(self._progress())
        elif self.nothing and fields["msg"] == self.nothing:
            self._say(self.warn())

    def _say(self, lines: Iterable[str]) -> None:
        for line in filter(None, lines):
            self.say(line)

    def _is_due(self) -> bool:
        under_way = 0 < len(self.finished) < len(self.jobs)
        return under_way and not self.quiet and self.clock() >= self.said + PAUSE

    def _progress(self) -> str:
        done = [self.jobs[job].stem for job in self.finished]
        steps = [job.stem for job in self.jobs.values()]
        counts = done.count(TRAIN), steps.count(TRAIN), done.count(EVALUATE), steps.count(EVALUATE)
        return progress(*counts, self._left(), self._at_once())

    def time_left(self) -> str:
        """Return how long the networks of this call still take, in words; an empty text if it is not known yet."""
        return time_left(self._left(), self._at_once())

    def _at_once(self) -> float:
        return self.most_running if self.is_local() else throughput(self.finished.values())

    def _left(self) -> Left:
        """Return the work left. For each kind of job, times measured in this call replace those of earlier calls."""
        measured: dict[Kind, list[float]] = {}
        for job, (_, taken) in self.finished.items():
            if taken is not None:
                measured.setdefault(kind_of(self.jobs[job]), []).append(taken)
        seconds = self.earlier | {kind: median(all_taken) for kind, all_taken in measured.items()}
        return work_left([path for job, path in self.jobs.items() if job not in self.finished], seconds)
