from pathlib import Path

from dst_robustness.datasets import acquire, dataset_spec
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    spec = dataset_spec(snakemake.wildcards.dataset, snakemake.params.spec)
    raw_folder = Path(snakemake.output[0]).parent
    acquire(spec, raw_folder, files=snakemake.params.files, **snakemake.params.options)
