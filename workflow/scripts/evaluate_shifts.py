from pathlib import Path

from dst_robustness.jobs.gpus import take_gpus
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    take_gpus(snakemake.resources.gpu, per_gpu=snakemake.resources.runs_per_gpu)
    from dst_robustness.evaluation.shifts import evaluate_shifts  # not earlier: as in train_run.py

    evaluate_shifts(
        Path(snakemake.input.model),
        Path(snakemake.input.run),
        [Path(path) for path in snakemake.input.shifts],
        Path(snakemake.output[0]),
        precision=snakemake.params.precision,
        threads=snakemake.threads,
    )
