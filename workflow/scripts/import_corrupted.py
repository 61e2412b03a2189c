from pathlib import Path

from dst_robustness.datasets.corrupted import corruption_path
from dst_robustness.jobs.logs import log_to
from dst_robustness.sets.published import import_corrupted

with log_to(snakemake.log[0]):
    published = corruption_path(Path(snakemake.input.published).parent, snakemake.wildcards.corruption)
    import_corrupted(published, snakemake.input.clean, snakemake.output[0])
