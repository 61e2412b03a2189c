"""What a person sees while a study runs: one line for each finished step. Snakemake's own log has everything else."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from dst_robustness.jobs.events import EventHandler
from dst_robustness.jobs.logs import MARK, warnings_in

# Events of Snakemake that a person need not see one by one.
DETAILS = {
    "job_info", "job_started", "job_finished", "job_error", "group_info", "shellcmd", "progress", "run_info",
    "resources_info",
}  # fmt: skip
# Lines of Snakemake that say nothing about the study. All other lines are shown.
CHATTER = (
    "Assuming unrestricted shared filesystem", "Building DAG", "Using shell", "Group jobs", "Conda environments",
    "Singularity containers", "Select jobs", "Updating checkpoint", "DAG of jobs will be updated", "Removing output",
    "Config file", "Shutting down", "Exiting because a job execution failed", "Elapsed time",
)  # fmt: skip
ERROR = re.compile(r"[\w.]+(Error|Exception|Interrupt): ")
LONGEST = 10  # lines of an error that are shown
MOST = 3  # warnings of a step that are shown


class WithoutDetails(logging.Filter):
    """Hides lines that ``Steps`` sums up in one line, and lines that do not concern the study."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is shown."""
        event, text = str(getattr(record, "event", "")), str(record.msg)
        if event == "error" and "CalledProcessError" in text:  # a job failed, and Steps says why
            return False
        return event not in DETAILS and not text.startswith(CHATTER)


class Said(logging.StreamHandler):
    """Prints the warnings of the main process, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning."""
        super().emit(record)
        self.texts.add(record.getMessage())


class Steps(EventHandler):
    """Prints a line for each step that has ended.

    Args:
        say: prints a line on the terminal.
        fail: prints the lines about a failed step.
        time_left: returns how long the rest takes, in words; an empty text if it is not known yet.
        result: returns what a finished job found, given the event of its start; an empty text if there is no result.
        counted: returns how many jobs Snakemake counts. With ``--until`` it also counts those that it will not run.
        said: warnings that were shown already.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        fail: Callable[[str], None],
        time_left: Callable[[], str],
        result: Callable[[Mapping[str, Any]], str],
        counted: Callable[[], int],
        said: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.say, self.fail, self.time_left, self.result, self.counted = say, fail, time_left, result, counted
        self.said = said
        self.left_out = 0  # jobs that Snakemake counts and does not run
        self.started: dict[int, Mapping[str, Any]] = {}
        self.finished: list[int] = []

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        if event == "run_info":
            self.left_out = self.counted() - fields["stats"]["total"]
        elif event == "job_info":
            self.started[fields["jobid"]] = fields
        elif event == "job_finished":
            self.finished.append(fields["job_id"])
        elif event == "progress":
            for job in self.finished:
                self.say(self._line(job, fields["done"], fields["total"] - self.left_out))
                for line in warned(self.started.get(job, {}).get("log", ()), self.said):
                    self.say(line)
            self.finished.clear()
        elif event == "job_error":
            logs = [Path(path) for path in fields["log"]]
            self.fail(failure(self._named(fields["jobid"]), logs, fields["rule_msg"] or ""))

    def _line(self, job: int, done: int, total: int) -> str:
        """Return ``[ 7/70] Evaluate digits: RigL: 91.0% right, 70.2% under corruption (about 3 min left)``."""
        result, left = self.result(self.started[job]) if job in self.started else "", self.time_left()
        words = self._named(job) + (f": {result}" if result else "") + (f" ({left})" if left else "")
        return f"[{done:{len(str(total))}}/{total}] {words}"

    def _named(self, job: int) -> str:
        fields = self.started.get(job, {})
        return fields.get("rule_msg") or fields.get("rule_name") or f"job {job}"


def warned(logs: Iterable[str | Path], said: Collection[str] = ()) -> list[str]:
    """Return the lines about the warnings of a finished step that were not shown before: the first three of a log."""
    lines = []
    for log in map(Path, logs):
        found = [text for text in warnings_in(log) if text not in said]
        lines += [f"  {MARK}{text}" for text in found[:MOST]]
        lines += [f"  {len(found) - MOST} more warnings: {log}"] if len(found) > MOST else []
    return lines


def accuracies(metrics: Path) -> str:
    """Return the accuracy on clean and on corrupted samples, from the metrics.csv of an evaluation."""
    with open(metrics, encoding="utf-8", newline="") as file:
        rows = [(int(row["severity"]), float(row["accuracy"])) for row in csv.DictReader(file)]
    clean = fmean(accuracy for severity, accuracy in rows if severity == 0)
    corrupted = fmean(accuracy for severity, accuracy in rows if severity > 0)
    return f"{100 * clean:.1f}% right, {100 * corrupted:.1f}% under corruption"


def failure(name: str, logs: list[Path], said: str = "") -> str:
    """Return which step failed, what the scheduler said, the error at the end of its log, and where the log is."""
    lines = [f"FAILED: {name}", *([f"  {said}"] if said else [])]
    for log in logs:
        first, *more = reason(log)
        lines += [f"  reason: {first}", *(f"          {line}" for line in more), f"  log:    {log}"]
    return "\n".join(lines)


def reason(log: Path) -> list[str]:
    """Return the last error of a log with the lines after it, at most ten, or the last line if there is no error."""
    try:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]
    except OSError:
        return ["it left no log; probably it was killed"]
    errors = [number for number, line in enumerate(lines) if ERROR.match(line)]
    told = lines[errors[-1] :] if errors else lines[-1:]
    return [*told[:LONGEST], *["..."] * (len(told) > LONGEST)] or ["its log is empty; probably it was killed"]
