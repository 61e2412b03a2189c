from pathlib import Path

from dst_robustness.jobs.logs import log_to
from dst_robustness.reporting.figures.kernel_maps import write_kernel_maps

with log_to(snakemake.log[0]):
    write_kernel_maps(Path(snakemake.input.model).parent, Path(snakemake.output.png).with_suffix(""))
