from pathlib import Path

from dst_robustness.analysis.frequency import write_corruption_shares
from dst_robustness.analysis.tested import write_test_sets
from dst_robustness.jobs.logs import log_to

with log_to(snakemake.log[0]):
    files = iter(map(Path, snakemake.input.corrupted))
    sets = {
        dataset: (Path(test), {name: next(files) for name in names})
        for test, (dataset, names) in zip(snakemake.input.tests, snakemake.params.corruptions.items(), strict=True)
    }
    write_corruption_shares(sets, snakemake.output.frequency)
    write_test_sets({dataset: corrupted for dataset, (_, corrupted) in sets.items()}, snakemake.output.sets)
