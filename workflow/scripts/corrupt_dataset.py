from pathlib import Path

from dst_robustness.jobs.logs import log_to
from dst_robustness.sets.corrupt import generate_corrupted

with log_to(snakemake.log[0]):
    generate_corrupted(
        Path(snakemake.input[0]),
        Path(snakemake.output[0]),
        snakemake.wildcards.corruption,
        seed=snakemake.params.seed,
        frost_folder=snakemake.params.frost_pictures,
        threads=snakemake.threads,
    )
