# What a call will do, and how long it still takes, in words, among the lines that Snakemake prints.
from snakemake.logging import logger

from dst_robustness.jobs.progress import ProgressHandler
from dst_robustness.study.kept import of_an_older_layout, trained_again


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


def what_is_lost():
    """Return what this call does to finished networks, a line a cause."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "train_run"]
    recipe = {job: recipe_of(job.wildcards.scenario, job.wildcards.method) for job in jobs}
    return trained_again((Path(job.output.run).parent, recipe[job], why(job)) for job in jobs)


if workflow.is_main_process:  # and not one of the processes that it starts for its jobs
    if line := of_an_older_layout(RESULTS):
        logger.warning(line)
    logger.addHandler(
        ProgressHandler(
            jobs_on_networks,
            networks=sum(run.folder not in SHARED for run in runs_so_far()),
            evaluations=len(runs_so_far()),
            is_local=lambda: workflow.local_exec,
            say=logger.info,
            warn=lambda: [*what_is_lost(), *what_is_likely()],
            quiet=Quietness.PROGRESS in (workflow.output_settings.quiet or ()),
        )
    )
