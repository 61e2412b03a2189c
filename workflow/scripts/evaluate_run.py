from functools import partial
from pathlib import Path

from dst_robustness.evaluation.kept import evaluate_run
from dst_robustness.evaluation.metrics import write_metrics
from dst_robustness.jobs.gpus import take_gpus
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    evaluate_run(
        Path(snakemake.input.model),
        Path(snakemake.input.run),
        Path(snakemake.input.test),
        [Path(path) for path in snakemake.input.corrupted],
        Path(snakemake.output.predictions),
        precision=snakemake.params.precision,
        code=snakemake.params.code,
        threads=snakemake.threads,
        take_device=partial(take_gpus, snakemake.resources.gpu, per_gpu=snakemake.resources.runs_per_gpu),
    )
    write_metrics(Path(snakemake.output.predictions), Path(snakemake.output.metrics))
