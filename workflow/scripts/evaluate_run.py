from pathlib import Path

from dst_robustness.evaluation.evaluate import evaluate_run
from dst_robustness.evaluation.metrics import write_metrics
from dst_robustness.logs import log_to

with log_to(snakemake.log[0]):
    evaluate_run(
        Path(snakemake.input.model),
        Path(snakemake.input.run),
        Path(snakemake.input.test),
        dict(zip(snakemake.params.corruptions, map(Path, snakemake.input.corrupted), strict=True)),
        Path(snakemake.output.predictions),
        precision=snakemake.params.precision,
    )
    write_metrics(Path(snakemake.output.predictions), Path(snakemake.output.metrics))
