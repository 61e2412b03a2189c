from pathlib import Path

from dst_robustness.jobs.gpus import take_gpus
from dst_robustness.jobs.logs import log_to
from dst_robustness.study.options import Training
from dst_robustness.study.run import Run

with log_to(snakemake.log[0]):
    take_gpus(snakemake.resources.gpu, per_gpu=snakemake.resources.runs_per_gpu)
    from dst_robustness.training.loop import train_run  # torch must not see the GPUs before one is taken
    from dst_robustness.training.parallel import launch

    launch(
        snakemake.params.processes,
        train_run,
        Path(snakemake.input.train),
        Path(snakemake.input.validation),
        Path(snakemake.output.model).parent,
        Run(**snakemake.params.run),
        options=Training(
            **snakemake.params.recipe["training"],
            checkpoint_seconds=float(snakemake.resources.checkpoint_seconds),
            tensorboard=bool(snakemake.resources.tensorboard),
        ),
        sparse_options=snakemake.params.recipe["sparse_training"],
        recipe=snakemake.params.recipe,
        masks=Path(snakemake.input.masks[0]) if snakemake.input.masks else None,
    )
