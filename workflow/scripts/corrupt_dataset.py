from pathlib import Path

from dst_robustness.corruptions.generate import generate_corrupted
from dst_robustness.logs import log_to

with log_to(snakemake.log[0]):
    generate_corrupted(
        Path(snakemake.input[0]),
        Path(snakemake.output[0]),
        snakemake.wildcards.corruption,
        seed=snakemake.params.seed,
        frost_folder=snakemake.params.frost_pictures,
        threads=snakemake.threads,
    )
