from dst_robustness.analysis.runs import collect_tables
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    for name in ("radius", "fourier"):
        collect_tables(snakemake.params.folders, f"{name}.csv", snakemake.output[name])
