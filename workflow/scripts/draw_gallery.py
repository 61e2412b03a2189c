from pathlib import Path

from dst_robustness.jobs.logs import log_to
from dst_robustness.reporting.gallery import draw_gallery

with log_to(snakemake.log[0]):
    files = dict(zip(snakemake.params.corruptions, map(Path, snakemake.input.corrupted), strict=True))
    draw_gallery(files, Path(snakemake.input.clean), Path(snakemake.output[0]))
