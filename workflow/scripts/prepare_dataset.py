from pathlib import Path

from dst_robustness.datasets import DATASETS, prepare
from dst_robustness.logs import log_to

with log_to(snakemake.log[0]):
    prepare(
        DATASETS[snakemake.params.type],
        Path(snakemake.input[0]).parent,
        {split: Path(path) for split, path in snakemake.output.items()},
        threads=snakemake.threads,
        **snakemake.params.options,
    )
