from pathlib import Path

import yaml

from dst_robustness.jobs.logs import log_to
from dst_robustness.jobs.provenance import git_commit
from dst_robustness.reporting.report import write_report

with log_to(snakemake.log[0]):
    write_report(
        Path(snakemake.output[0]),
        Path(snakemake.input.tables[0]).parent,
        [*snakemake.input.figures, *(path for path in snakemake.params.analyses if path.endswith(".png"))],
        snakemake.input.galleries,
        configuration=yaml.safe_dump(snakemake.params.study, sort_keys=False),
        commit=git_commit(snakemake.scriptdir),  # the checkout, wherever the study is
    )
