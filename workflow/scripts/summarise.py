from pathlib import Path

from dst_robustness.analysis.summary import write_summary
from dst_robustness.jobs.logs import log_to
from dst_robustness.reporting.write_tables import write_tables

with log_to(snakemake.log[0]):
    tables = Path(snakemake.output.summary).parent
    folders = [Path(run).parent for run in snakemake.input.run]
    write_summary(folders, tables, **snakemake.params.judging, frequency=snakemake.input.frequency)
    write_tables(tables, snakemake.params.texts)
