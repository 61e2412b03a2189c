from pathlib import Path

from dst_robustness.analysis.summary import write_summary
from dst_robustness.reporting.message import closing_message

partial = Path(snakemake.params.partial)
write_summary(snakemake.params.folders, partial / "tables", **snakemake.params.judging)
print(closing_message(partial, every_row=True), *snakemake.params.looks, sep="\n")
