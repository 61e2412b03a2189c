from pathlib import Path

from dst_robustness.datasets import DATASETS, acquire
from dst_robustness.logs import log_to

with log_to(snakemake.log[0]):
    acquire(DATASETS[snakemake.params.type], Path(snakemake.output[0]).parent, **snakemake.params.options)
