# Train the networks. A killed run continues from its checkpoint. That file is beside the outputs, but Snakemake does not
# know it, since it deletes the outputs of failed jobs.
from dataclasses import asdict


ruleorder: take_network > share_run > train_run


rule train_run:
    """Train one network."""
    input:
        unpack(what_is_trained_on),
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
    conda:
        "../../envs/environment.yaml"
    threads: gpu_job_threads
    resources:
        gpu=STUDY.gpus_per_run,
        runs_per_gpu=STUDY.runs_per_gpu,
        # These are not parameters, since the result does not depend on them.
        checkpoint_seconds=lambda wildcards: str(training_of(wildcards).checkpoint_seconds),
        tensorboard=lambda wildcards: int(training_of(wildcards).tensorboard),
        mem_mb=4000,
        runtime="24h",
    params:
        run=lambda wildcards: asdict(run_of(wildcards)),
        recipe=lambda wildcards: recipe_of(wildcards.scenario, wildcards.method),
        processes=STUDY.gpus_per_run,
        code=lambda wildcards: tracked(
            code.training_code(
                scenario_of(wildcards).model,
                run_of(wildcards).base_method,
                training_of(wildcards).augmentation,
            )
        ),
    message:
        "Train {wildcards.scenario}: {wildcards.method}, sparsity {wildcards.sparsity}, seed {wildcards.seed}"
    script:
        "../scripts/train_run.py"


rule take_network:
    """Convert a network that was trained elsewhere to the files of a training here."""
    input:
        weights=lambda wildcards: WHOLE.taken[wildcards.taken].files[RUNS[wildcards.taken].seed],
        test=lambda wildcards: test_split(RUNS[wildcards.taken].dataset),
    output:
        model=f"{RESULTS}/{{taken}}/model.pt",
        masks=f"{RESULTS}/{{taken}}/masks.pt",
        run=f"{RESULTS}/{{taken}}/run.json",
        history=f"{RESULTS}/{{taken}}/history.csv",
        topology=f"{RESULTS}/{{taken}}/topology.csv",
    log:
        f"{LOGS}/{{taken}}/take.log",
    benchmark:
        f"{BENCHMARKS}/{{taken}}/take.jsonl"
    wildcard_constraints:
        taken=any_of(WHOLE.taken),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        called=lambda wildcards: WHOLE.called(RUNS[wildcards.taken]),
        run=lambda wildcards: asdict(RUNS[wildcards.taken]),
        scale=lambda wildcards: WHOLE.taken[wildcards.taken].model_dump(include={"mean", "std"}, exclude_none=True),
        code=lambda wildcards: tracked(code.network_code(RUNS[wildcards.taken].model)),
    message:
        "Take the network {params.called}"
    script:
        "../scripts/take_network.py"


localrules:
    share_run,


rule share_run:
    """Copy a network that another scenario trains in the same way, for example for a published corrupted test set."""
    input:
        lambda wildcards: [f"{RESULTS}/{WHOLE.shared[wildcards.shared].folder}/{name}" for name in NETWORK],
    output:
        [f"{RESULTS}/{{shared}}/{name}" for name in NETWORK],
    log:
        f"{LOGS}/{{shared}}/share.log",
    wildcard_constraints:
        shared=any_of(WHOLE.shared),
    conda:
        "../../envs/environment.yaml"
    params:
        run=lambda wildcards: asdict(RUNS[wildcards.shared]),
    message:
        "Take the network of {wildcards.shared} from another scenario"
    script:
        "../scripts/share_run.py"


rule export:
    """Write model.safetensors beside model.pt for each run finished so far."""
    log:
        f"{LOGS}/export.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        folders=[f"{RESULTS}/{folder}" for folder in RUNS],
    message:
        "Export the networks that are finished so far"
    script:
        "../scripts/export_runs.py"
