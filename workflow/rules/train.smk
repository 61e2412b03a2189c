# One network of the grid. A killed run goes on from its checkpoint, a file beside the outputs that Snakemake does not
# know of: outputs of failed jobs are deleted, checkpoints must not be.


rule train_run:
    """Train one network."""
    input:
        train=f"{RESOURCES}/{{dataset}}/train.h5",
        validation=f"{RESOURCES}/{{dataset}}/validation.h5",
        masks=source_masks,
        weights=initial_weights,
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
    wildcard_constraints:
        dataset=any_of(TRAINED),
    conda:
        "../../envs/environment.yaml"
    threads: gpu_job_threads
    resources:
        gpu=STUDY.gpus_per_run,
        runs_per_gpu=STUDY.runs_per_gpu,
        mem_mb=4000,
        runtime="24h",
    params:
        method=lambda wildcards: scenario_of(wildcards).base_method(wildcards.method),
        options=lambda wildcards: scenario_of(wildcards).training.model_dump(),
        processes=STUDY.gpus_per_run,
        sparse_options=lambda wildcards: scenario_of(wildcards).sparse_options(wildcards.method),
        code=training_code,
        network=lambda wildcards: network_code(wildcards.model),
    message:
        "Train {wildcards.model} on {wildcards.dataset}: {wildcards.method}, sparsity {wildcards.sparsity}, seed {wildcards.seed}"
    script:
        "../scripts/train_run.py"


localrules:
    share_run,


rule share_run:
    """Take the network of one data set for a published corrupted test set that is made of it."""
    input:
        network_of_origin,
    output:
        expand(f"{RESULTS}/{RUN}/{{file}}", file=NETWORK, allow_missing=True),
    log:
        f"{LOGS}/{RUN}/share.log",
    wildcard_constraints:
        dataset=any_of(PUBLISHED),
    conda:
        "../../envs/environment.yaml"
    params:
        folder=f"{RESULTS}/{RUN}",
    message:
        "Take the network of {wildcards.method}, sparsity {wildcards.sparsity}, seed {wildcards.seed} for {wildcards.dataset}"
    shell:
        "cp {input:q} {params.folder:q} 2> {log:q}"  # no links: they would be as old as their origin, and made anew


rule export:
    """Write model.safetensors beside the model.pt of each run that is finished so far."""
    log:
        f"{LOGS}/export.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        folders=[f"{RESULTS}/{run.folder}" for run in RUNS],
    message:
        "Export the networks that are finished so far"
    script:
        "../scripts/export_runs.py"
