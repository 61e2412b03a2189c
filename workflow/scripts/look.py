from pathlib import Path

from dst_robustness.analysis.looking import write_look
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    folders = [Path(run).parent for run in snakemake.input.run]
    write_look(folders, snakemake.output[0], plan=snakemake.params.plan, baseline=snakemake.params.baseline)
