from pathlib import Path

import yaml

from dst_robustness.jobs.logs import log_to
from dst_robustness.jobs.provenance import git_commit
from dst_robustness.reporting.archive import CONFIGURATION, read_me, write_archive

with log_to(snakemake.log[0]):
    params, target = snakemake.params, Path(snakemake.output[0])
    citation = Path(params.citation)
    about = read_me(
        target.name,
        name=params.name,
        commit=git_commit(snakemake.scriptdir),  # the checkout, wherever the study is
        holds=params.holds,
        citation=citation.read_text(encoding="utf-8") if citation.is_file() else "See the project's CITATION.cff.",
    )
    # In the order of the rule: what is made of others comes later, the looks before the tables.
    files = [Path(path) for path in snakemake.input]
    looks = sorted((target.parent / "looks").glob("*.json"))
    first = files.index(Path(snakemake.input.tables[0]))
    write_archive(
        target,
        [*files[:first], *looks, *files[first:]],
        {"README.md": about, CONFIGURATION: params.configuration},
        results=target.parent,
        prefix=yaml.safe_load(params.configuration)["results_dir"] + "_smoke" * params.smoke,
    )
