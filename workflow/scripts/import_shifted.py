from pathlib import Path

from dst_robustness.datasets import dataset_spec
from dst_robustness.datasets.acquire import acquired
from dst_robustness.jobs.logs import log_to
from dst_robustness.sets.shifted import import_shifted

with log_to(snakemake.log[0]):
    spec = dataset_spec(snakemake.wildcards.dataset, snakemake.params.spec)
    source = acquired(Path(snakemake.input.published).parent)
    import_shifted(spec, source, snakemake.input.clean, snakemake.output[0])
