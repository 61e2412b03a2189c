# What a call will do, and how long it still takes, in words, among the lines that Snakemake prints; and which of those
# lines a person sees. All of them are in Snakemake's log, .snakemake/log.
from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.logging import logger

from dst_robustness.jobs.progress import ProgressHandler
from dst_robustness.jobs.terminal import Steps, WithoutDetails, accuracies
from dst_robustness.study.kept import kept_though_changed, of_an_older_layout, other_versions, trained_again


def jobs_on_networks():
    """Return the benchmark files of the jobs on single networks that this call will do, by the numbers of the jobs."""
    steps = {"train_run", "evaluate_run", "measure_frequency_response"}
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in steps]
    return {workflow.dag.jobid(job): Path(job.benchmark) for job in jobs}


def why(job):
    """Return why a network is trained whose recipe is the one that it was trained with."""
    reason = workflow.dag.reason(job)
    if reason.updated_input or reason.updated_input_run or reason.input_changed:
        return "its data are new"
    if reason.params_changed or reason.code_changed:
        return "the code of its training has changed (to keep it: --config track_code=false)"
    return "this call asks for it"


def trainings(is_due):
    """Return folder, recipe and job of each network of this call that is trained, or that is kept."""
    jobs = [job for job in workflow.dag.jobs if job.rule.name == "train_run" and workflow.dag.needrun(job) == is_due]
    return [(Path(job.output.run).parent, recipe_of(job.wildcards.scenario, job.wildcards.method), job) for job in jobs]


def what_happens_to_networks():
    """Return what this call does to finished networks, a line a cause."""
    again = trained_again((folder, recipe, why(job)) for folder, recipe, job in trainings(is_due=True))
    kept = kept_though_changed((folder, recipe) for folder, recipe, _ in trainings(is_due=False))
    return [*again, *kept, *other_versions([(Path(RESULTS, folder), run.model) for folder, run in RUNS.items()])]


def looks_that_start_anew():
    """Return a line where a look is due that was taken before."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "look" and Path(job.output[0]).exists()]
    return decide.taken_again(int(job.wildcards.seeds) for job in jobs)


SO_FAR = "One line a step follows. The table of what is there so far, at any time: snakemake --cores 1 --nolock summary"


def result_of(job):
    """Return what an evaluation found, in words, from Snakemake's event; nothing for another job, or where its files
    are elsewhere."""
    if job["rule_name"] != rules.evaluate_run.rule.name:
        return ""
    metrics = next(Path(path) for path in job["output"] if Path(path).name == "metrics.csv")
    return accuracies(metrics) if metrics.exists() else ""


def what_to_look_at():
    """Return how to see what is there so far, where networks are tested that a person may want to see."""
    return [SO_FAR] if is_short() and jobs_on_networks() else []


QUIET = set(workflow.output_settings.quiet or ())


def is_short():
    """Whether the terminal shows one line a step: in a real call by a person who asked for neither more nor less."""
    more = workflow.dryrun or workflow.output_settings.verbose or workflow.output_settings.printshellcmds
    return not (more or os.environ.get("CI") or {Quietness.PROGRESS, Quietness.ALL} & QUIET)


if workflow.is_main_process:  # and not one of the processes that it starts for its jobs
    if line := of_an_older_layout(RESULTS):
        logger.warning(line)
    progress = ProgressHandler(
        jobs_on_networks,
        networks=sum(run.folder not in WHOLE.shared for run in runs_so_far()),
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
        logger.addHandler(Steps(logger.info, logger.error, progress.time_left, result_of))
