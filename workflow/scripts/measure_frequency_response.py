from pathlib import Path

from dst_robustness.jobs.gpus import take_gpus
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    take_gpus(snakemake.resources.gpu, per_gpu=snakemake.resources.runs_per_gpu)
    from dst_robustness.evaluation.frequency_of_run import measure_run  # not earlier: as in train_run.py

    measure_run(
        Path(snakemake.input.model),
        Path(snakemake.input.run),
        Path(snakemake.input.test),
        Path(snakemake.output.radius),
        Path(snakemake.output.fourier),
        precision=snakemake.params.precision,
        samples=snakemake.params.samples,
    )
