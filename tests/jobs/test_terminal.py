"""What a person sees on the terminal: one line per step, and for a failure the step, its reason and its log."""

import logging
from pathlib import Path

import pytest

from dst_robustness.jobs.terminal import Steps, WithoutDetails, accuracies


@pytest.fixture
def terminal() -> tuple[logging.Logger, list[str]]:
    """Return a logger as Snakemake's, and what its terminal shows."""
    shown: list[str] = []
    stream = logging.Handler()
    stream.emit = lambda record: shown.append(record.getMessage())
    stream.addFilter(WithoutDetails())
    logger = logging.Logger("snakemake")
    logger.addHandler(stream)
    steps = Steps(logger.info, logger.error, lambda: "about 2 min left", lambda job: job.get("result", ""), lambda: 72)
    logger.addHandler(steps)
    return logger, shown


def test_a_finished_step_is_one_line(terminal) -> None:
    """The five events of a job give one line, with the job's own words, how many are done and the time left."""
    logger, shown = terminal
    logger.info(
        "Job 3: Corrupt: fog", extra={"event": "job_info", "jobid": 3, "rule_msg": "Corrupt: fog", "rule_name": "c"}
    )
    logger.info("Execute 1 jobs...", extra={"event": "job_started", "jobs": [3]})
    logger.info("Select jobs to execute...")
    logger.info("Finished jobid: 3", extra={"event": "job_finished", "job_id": 3})
    logger.info(None, extra={"event": "progress", "done": 7, "total": 70})
    job = {"jobid": 5, "rule_msg": "", "rule_name": "evaluate_run", "result": "91.0% right"}
    logger.info(None, extra={"event": "job_info", **job})
    logger.info("Finished jobid: 5", extra={"event": "job_finished", "job_id": 5})
    logger.info(None, extra={"event": "progress", "done": 8, "total": 70})
    assert shown == ["[ 7/70] Corrupt: fog (about 2 min left)", "[ 8/70] evaluate_run: 91.0% right (about 2 min left)"]


def test_warnings_of_a_step_are_shown_below_it(terminal, tmp_path: Path) -> None:
    """Nobody opens the log of a step that did not fail. What was said before the jobs is not said again."""
    logger, shown = terminal
    log = tmp_path / "prepare.log"
    log.write_text(
        "12:00:00 warning: two files are left out\n12:00:01 train: 5 of 5 read\n12:00:02 warning: said before\n"
        "12:00:03 a file called a warning: b.png\n" + "".join(f"12:00:04 warning: damaged {i}\n" for i in range(4))
    )
    logger.handlers[-1].said = {"said before"}
    job = {"jobid": 3, "rule_msg": "Prepare mine", "log": [str(log), str(tmp_path / "none.log")]}
    logger.info("Job 3", extra={"event": "job_info", **job})
    logger.info("Finished jobid: 3", extra={"event": "job_finished", "job_id": 3})
    logger.info(None, extra={"event": "progress", "done": 1, "total": 72})
    assert shown[1:] == [
        "  warning: two files are left out",
        "  warning: damaged 0",
        "  warning: damaged 1",
        f"  2 more warnings: {log}",
    ]


def test_steps_that_are_not_asked_for_are_not_counted(terminal) -> None:
    """With ``--until`` Snakemake counts jobs that it will not run: here 72, of which it runs 8."""
    logger, shown = terminal
    logger.info("Job stats: ...", extra={"event": "run_info", "stats": {"train": 7, "all": 1, "total": 8}})
    logger.info("Finished jobid: 3", extra={"event": "job_finished", "job_id": 3})
    logger.info(None, extra={"event": "progress", "done": 1, "total": 72})
    assert shown[-1] == "[1/8] job 3 (about 2 min left)"


def test_a_network_is_told_by_its_clean_and_its_corrupted_accuracy(tmp_path: Path) -> None:
    """The mean over the corrupted cells; what an evaluation found is seen long before the study ends."""
    metrics = tmp_path / "metrics.csv"
    metrics.write_text("corruption,severity,accuracy\nclean,0,0.9\nfog,1,0.8\nfog,2,0.5\n")
    assert accuracies(metrics) == "90.0% right, 65.0% under corruption"


def test_a_failed_step_says_why_and_where_its_log_is(terminal, tmp_path: Path) -> None:
    """The reason is the last error of the log with its advice. If there is no error, the message says so."""
    logger, shown = terminal
    log, none = tmp_path / "a.log", tmp_path / "b.log"
    log.write_text("epoch 1\nValueError: cannot read a.h5\nIt is now a.h5.damaged; run again\n\n")
    for path in (log, none):
        extra = {
            "event": "job_error",
            "jobid": 4,
            "log": [str(path)],
            "rule_msg": "SLURM: OUT_OF_MEMORY" * (path == none),
        }
        logger.error("Error in rule train_run, jobid: 4", extra=extra)
    logger.error("RuleException:\nCalledProcessError in file train.smk", extra={"event": "error"})
    advice = f"  reason: ValueError: cannot read a.h5\n          It is now a.h5.damaged; run again\n  log:    {log}"
    nothing = f"  SLURM: OUT_OF_MEMORY\n  reason: it left no log; probably it was killed\n  log:    {none}"
    assert shown == [f"FAILED: job 4\n{advice}", f"FAILED: job 4\n{nothing}"]


def test_what_is_not_known_is_shown(terminal) -> None:
    """Warnings, errors of Snakemake itself and lines that nobody foresaw stay."""
    logger, shown = terminal
    logger.warning("disk is nearly full")
    logger.error("WorkflowError: no such rule", extra={"event": "error"})
    assert shown == ["disk is nearly full", "WorkflowError: no such rule"]
