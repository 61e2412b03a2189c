from pathlib import Path

from dst_robustness.jobs.logs import log_to
from dst_robustness.study.run import Run, share_network

with log_to(snakemake.log[0]):
    share_network(
        [Path(path) for path in snakemake.input], Path(snakemake.output[0]).parent, Run(**snakemake.params.run)
    )
