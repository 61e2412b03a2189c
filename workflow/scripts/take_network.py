from pathlib import Path

from dst_robustness.evaluation.taken import take_network
from dst_robustness.jobs.logs import log_to
from dst_robustness.study.run import Run

with log_to(snakemake.log[0]):
    take_network(
        Path(snakemake.input.weights),
        Path(snakemake.input.test),
        Path(snakemake.output.model).parent,
        Run(**snakemake.params.run),
        mean=snakemake.params.scale.get("mean"),
        std=snakemake.params.scale.get("std"),
    )
