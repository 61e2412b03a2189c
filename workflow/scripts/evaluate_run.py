from pathlib import Path

from dst_robustness.jobs.gpus import take_gpus
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    take_gpus(snakemake.resources.gpu, per_gpu=snakemake.resources.runs_per_gpu)
    from dst_robustness.evaluation.evaluate import evaluate_run  # not earlier: as in train_run.py
    from dst_robustness.evaluation.metrics import write_metrics

    evaluate_run(
        Path(snakemake.input.model),
        Path(snakemake.input.run),
        Path(snakemake.input.test),
        [Path(path) for path in snakemake.input.corrupted],
        Path(snakemake.output.predictions),
        precision=snakemake.params.precision,
        threads=snakemake.threads,
    )
    write_metrics(Path(snakemake.output.predictions), Path(snakemake.output.metrics))
