from pathlib import Path

from dst_robustness.analysis.summary import write_summary
from dst_robustness.reporting.message import closing_message
from dst_robustness.reporting.write_tables import write_tables

partial = Path(snakemake.params.partial)
summary = write_summary(snakemake.params.folders, partial / "tables", **snakemake.params.judging)
if len(summary.rows):
    write_tables(partial / "tables", snakemake.params.texts)
print(closing_message(partial, every_row=True))
