from pathlib import Path

from dst_robustness.jobs.logs import log_to
from dst_robustness.reporting.figures import write_figure

with log_to(snakemake.log[0]):
    name, tables = snakemake.wildcards.figure, Path(snakemake.input[0]).parent
    write_figure(name, tables, Path(snakemake.output.png).with_suffix(""))
    for pdf in map(Path, snakemake.output.scenarios):
        write_figure(name, tables, pdf.with_suffix(""), scenario=pdf.parent.name)
