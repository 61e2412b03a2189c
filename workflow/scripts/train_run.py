from pathlib import Path

from dst_robustness.logs import log_to
from dst_robustness.run import Run
from dst_robustness.training.loop import train_run
from dst_robustness.training.options import TrainingOptions

with log_to(snakemake.log[0]):
    names = snakemake.wildcards
    train_run(
        Path(snakemake.input.train),
        Path(snakemake.input.validation),
        Path(snakemake.output.model).parent,
        Run(names.dataset, names.model, names.method, float(names.sparsity), int(names.seed)),
        method=snakemake.params.method,
        options=TrainingOptions(**snakemake.params.options),
        sparse_options=snakemake.params.sparse_options,
    )
