# Lines on the terminal: what a call will do, how long it still takes, and what each step found. Most of Snakemake's own
# lines are hidden. All of them are in its log, .snakemake/log.
from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.logging import logger

from dst_robustness.jobs.progress import ProgressHandler
from dst_robustness.jobs.terminal import Steps, WithoutDetails, accuracies
from dst_robustness.study.kept import kept_though_changed, of_an_older_layout, other_versions, trained_again


def jobs_on_networks():
    """Return the benchmark files of this call's jobs on single networks, by job number."""
    steps = {"train_run", "evaluate_run", "measure_frequency_response"}
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in steps]
    return {workflow.dag.jobid(job): Path(job.benchmark) for job in jobs}


def why(job):
    """Return why a network is trained again although its recipe has not changed."""
    reason = workflow.dag.reason(job)
    if reason.updated_input or reason.updated_input_run or reason.input_changed:
        return "its data are new"
    if reason.params_changed or reason.code_changed:
        return "the code of its training has changed (to keep it: --config track_code=false)"
    return "this call asks for it, or Snakemake was killed before it noted the end of the training"


def trainings(is_due):
    """Return folder, recipe and job of each network that this call trains, or keeps."""
    jobs = [job for job in workflow.dag.jobs if job.rule.name == "train_run" and workflow.dag.needrun(job) == is_due]
    return [(Path(job.output.run).parent, recipe_of(job.wildcards.scenario, job.wildcards.method), job) for job in jobs]


def what_happens_to_networks():
    """Return what this call does to finished networks, one line per cause."""
    again = trained_again((folder, recipe, why(job)) for folder, recipe, job in trainings(is_due=True))
    kept = kept_though_changed((folder, recipe) for folder, recipe, _ in trainings(is_due=False))
    return [*again, *kept, *other_versions([(Path(RESULTS, folder), run.model) for folder, run in RUNS.items()])]


def looks_that_start_anew():
    """Return a line if this call repeats an earlier look."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "look" and Path(job.output[0]).exists()]
    return decide.taken_again(int(job.wildcards.seeds) for job in jobs)


SO_FAR = "One line a step follows. The table of what is there so far, at any time: snakemake --cores 1 --nolock summary"


def result_of(job):
    """Return the result of an evaluation in words, given Snakemake's event.

    Return an empty text for other jobs, or if the files are on another machine.
    """
    if job["rule_name"] != rules.evaluate_run.rule.name:
        return ""
    metrics = next(Path(path) for path in job["output"] if Path(path).name == "metrics.csv")
    return accuracies(metrics) if metrics.exists() else ""


def what_to_look_at():
    """Return how to see the results so far, if this call tests networks."""
    return [SO_FAR] if is_short() and jobs_on_networks() else []


QUIET = set(workflow.output_settings.quiet or ())


def is_short():
    """Return whether the terminal shows one line per step: in a real call by a person without other wishes."""
    more = workflow.dryrun or workflow.output_settings.verbose or workflow.output_settings.printshellcmds
    return not (more or os.environ.get("CI") or {Quietness.PROGRESS, Quietness.ALL} & QUIET)


if workflow.is_main_process:  # not in the processes that it starts for its jobs
    if line := of_an_older_layout(RESULTS):
        logger.warning(line)
    progress = ProgressHandler(
        jobs_on_networks,
        networks=len(WHOLE.trained_for(runs_so_far())),
        evaluations=len(runs_so_far()),
        is_local=lambda: workflow.local_exec,
        say=logger.info,
        warn=lambda: [*what_happens_to_networks(), *looks_that_start_anew(), *what_is_likely(), *what_to_look_at()],
        overview=2 if workflow.dryrun and QUIET != {Quietness.RULES, Quietness.PROGRESS} else 1,
        nothing=NOTHING_TO_BE_DONE_MSG,
        quiet=is_short() or Quietness.PROGRESS in QUIET,
    )
    logger.addHandler(progress)
    if is_short():
        for handler in logger.handlers:
            if handler.name == "DefaultStreamHandler":
                handler.addFilter(WithoutDetails())
        logger.addHandler(
            Steps(logger.info, logger.error, progress.time_left, result_of, lambda: len(workflow.dag), SAID.texts)
        )
