from pathlib import Path

from dst_robustness.jobs.logs import log_to
from dst_robustness.reporting.figures import write_figure

with log_to(snakemake.log[0]):
    write_figure(
        snakemake.wildcards.figure, Path(snakemake.input[0]).parent, Path(snakemake.output.png).with_suffix("")
    )
