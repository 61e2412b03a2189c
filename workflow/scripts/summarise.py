from pathlib import Path

from dst_robustness.analysis.summary import write_summary
from dst_robustness.logs import log_to

with log_to(snakemake.log[0]):
    write_summary(
        [Path(run).parent for run in snakemake.input.run],
        Path(snakemake.output.summary).parent,
        base_methods=snakemake.params.base_methods,
    )
