# One network of the grid. A killed run goes on from its checkpoint, a file beside the outputs that Snakemake does not
# know of: outputs of failed jobs are deleted, checkpoints must not be.


rule train_run:
    """Train one network."""
    input:
        train=f"{RESOURCES}/{{dataset}}/train.h5",
        validation=f"{RESOURCES}/{{dataset}}/validation.h5",
        masks=source_masks,
    output:
        model=f"{RESULTS}/{RUN}/model.pt",
        masks=f"{RESULTS}/{RUN}/masks.pt",
        run=f"{RESULTS}/{RUN}/run.json",
        history=f"{RESULTS}/{RUN}/history.csv",
        topology=f"{RESULTS}/{RUN}/topology.csv",
    log:
        f"{LOGS}/{RUN}/train.log",
    benchmark:
        f"{BENCHMARKS}/{RUN}/train.jsonl"
    params:
        method=lambda wildcards: scenario_of(wildcards).base_method(wildcards.method),
        options=lambda wildcards: scenario_of(wildcards).training,
        processes=STUDY["gpus_per_run"],
        sparse_options=lambda wildcards: scenario_of(wildcards).sparse_options(wildcards.method),
        code=training_code,
    threads: 1
    resources:
        gpu=STUDY["gpus_per_run"],
        runs_per_gpu=STUDY["runs_per_gpu"],
        mem_mb=4000,
        runtime="24h",
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/train_run.py"
