from pathlib import Path

from dst_robustness.analysis.weights import write_weight_tables
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    write_weight_tables(
        [Path(run).parent for run in snakemake.input.run], snakemake.output.layers, snakemake.output.overlap
    )
