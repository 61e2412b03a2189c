from pathlib import Path

from dst_robustness.datasets import dataset_spec, prepare
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    prepare(
        dataset_spec(snakemake.wildcards.dataset, snakemake.params.spec),
        Path(snakemake.input[0]).parent,
        {split: Path(path) for split, path in snakemake.output.items()},
        threads=snakemake.threads,
        **snakemake.params.options,
    )
