# What a call will do and how long it still takes, in words, among the lines that Snakemake prints.
from snakemake.logging import logger

from dst_robustness.jobs.progress import ProgressHandler


def jobs_on_networks():
    """Return the benchmark files of the jobs on single networks that this call will do, by the numbers of the jobs."""
    steps = {"train_run", "evaluate_run", "measure_frequency_response"}
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in steps]
    return {workflow.dag.jobid(job): Path(job.benchmark) for job in jobs}


if workflow.is_main_process:  # and not one of the processes that it starts for its jobs
    logger.addHandler(
        ProgressHandler(
            jobs_on_networks,
            networks=len(RUNS) - len(SHARED),
            evaluations=len(RUNS),
            is_local=lambda: workflow.local_exec,
            say=logger.info,
            quiet=Quietness.PROGRESS in (workflow.output_settings.quiet or ()),
        )
    )
