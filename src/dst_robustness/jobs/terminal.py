"""What a person sees of a study: one line for each finished step. Everything else is in Snakemake's own log."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

# Events of Snakemake that a person need not see one by one.
DETAILS = {
    "job_info", "job_started", "job_finished", "job_error", "group_info", "shellcmd", "progress", "run_info",
    "resources_info",
}  # fmt: skip
# And lines of it that say nothing about this study. A line that is not known here is shown.
CHATTER = (
    "Assuming unrestricted shared filesystem", "Building DAG", "Using shell", "Group jobs", "Conda environments",
    "Singularity containers", "Select jobs", "Updating checkpoint", "DAG of jobs will be updated", "Removing output",
    "Config file", "Shutting down", "Exiting because a job execution failed", "Elapsed time",
)  # fmt: skip
ERROR = re.compile(r"[\w.]+(Error|Exception|Interrupt): ")
LONGEST = 10  # lines of a reason


class WithoutDetails(logging.Filter):
    """Keeps from the terminal what ``Steps`` says in one line, and what does not concern the study."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is shown."""
        event, text = str(getattr(record, "event", "")), str(record.msg)
        if event == "error" and "CalledProcessError" in text:  # a job's process ended badly: Steps says why
            return False
        return event not in DETAILS and not text.startswith(CHATTER)


class Steps(logging.Handler):
    """Listens to the events that Snakemake logs, and says a line for each step that ended.

    Args:
        say: takes a line for the terminal.
        fail: takes the lines about a failed step.
        time_left: returns how long the rest takes, in words; nothing where that is not known yet.
        result: returns what a finished job found, given the event of its start; nothing where that is not told.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        fail: Callable[[str], None],
        time_left: Callable[[], str],
        result: Callable[[Mapping[str, Any]], str],
    ) -> None:
        super().__init__()
        self.say, self.fail, self.time_left, self.result = say, fail, time_left, result
        self.started: dict[int, Mapping[str, Any]] = {}
        self.finished: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Hear an event; what goes wrong here is shown and stops nothing."""
        try:
            self._hear(str(getattr(record, "event", "")), record.__dict__)
        except Exception:
            self.handleError(record)

    def _hear(self, event: str, fields: Mapping[str, Any]) -> None:
        if event == "job_info":
            self.started[fields["jobid"]] = fields
        elif event == "job_finished":
            self.finished.append(fields["job_id"])
        elif event == "progress":
            for job in self.finished:
                self.say(self._line(job, fields["done"], fields["total"]))
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


def accuracies(metrics: Path) -> str:
    """Return the accuracy on clean and on corrupted samples, from the metrics.csv of an evaluation."""
    with open(metrics, encoding="utf-8", newline="") as file:
        rows = [(int(row["severity"]), float(row["accuracy"])) for row in csv.DictReader(file)]
    clean = fmean(accuracy for severity, accuracy in rows if severity == 0)
    corrupted = fmean(accuracy for severity, accuracy in rows if severity > 0)
    return f"{100 * clean:.1f}% right, {100 * corrupted:.1f}% under corruption"


def failure(name: str, logs: list[Path], said: str = "") -> str:
    """Return which step failed, what a scheduler said, the reason that its log ends with, and where the log is."""
    lines = [f"FAILED: {name}", *([f"  {said}"] if said else [])]
    for log in logs:
        first, *more = reason(log)
        lines += [f"  reason: {first}", *(f"          {line}" for line in more), f"  log:    {log}"]
    return "\n".join(lines)


def reason(log: Path) -> list[str]:
    """Return the last error of a log and what follows it, or its last line, of ten lines at most."""
    try:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]
    except OSError:
        return ["it left no log, as a process does that was killed"]
    errors = [number for number, line in enumerate(lines) if ERROR.match(line)]
    told = lines[errors[-1] :] if errors else lines[-1:]
    return [*told[:LONGEST], *["..."] * (len(told) > LONGEST)] or ["its log is empty, as of a process that was killed"]
