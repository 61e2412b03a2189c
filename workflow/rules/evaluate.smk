# Test each network on everything.


rule evaluate_run:
    """Test one network on the clean test split and its corrupted copies, except where it was tested before."""
    input:
        unpack(what_is_tested_on),
        model=f"{RESULTS}/{RUN}/model.pt",
        run=f"{RESULTS}/{RUN}/run.json",
    output:
        predictions=f"{RESULTS}/{RUN}/predictions.h5",
        metrics=f"{RESULTS}/{RUN}/metrics.csv",
    log:
        f"{LOGS}/{RUN}/evaluate.log",
    benchmark:
        f"{BENCHMARKS}/{RUN}/evaluate.jsonl"
    priority: 1  # networks are tested as soon as they are trained, so that a study that ends early has results
    conda:
        "../../envs/environment.yaml"
    threads: gpu_job_threads
    resources:
        gpu=1,
        runs_per_gpu=STUDY.runs_per_gpu,
        mem_mb=4000,
        runtime="4h",
    params:
        called=lambda wildcards: WHOLE.called(run_of(wildcards)),
        precision=lambda wildcards: training_of(wildcards).precision,
        code=lambda wildcards: tracked(code.evaluation_code(run_of(wildcards).model)),
        metrics=tracked(code.fingerprint("dst_robustness.evaluation.metrics")),
    message:
        "Evaluate {params.called}"
    script:
        "../scripts/evaluate_run.py"


rule evaluate_shifts:
    """Test one network on sets of natural shift."""
    input:
        model=f"{RESULTS}/{RUN}/model.pt",
        run=f"{RESULTS}/{RUN}/run.json",
        shifts=lambda wildcards: shifted_sets(scenario_of(wildcards)),
    output:
        f"{RESULTS}/{RUN}/shifts.h5",
    log:
        f"{LOGS}/{RUN}/evaluate_shifts.log",
    benchmark:
        f"{BENCHMARKS}/{RUN}/evaluate_shifts.jsonl"
    priority: 1
    conda:
        "../../envs/environment.yaml"
    threads: gpu_job_threads
    resources:
        gpu=1,
        runs_per_gpu=STUDY.runs_per_gpu,
        mem_mb=4000,
        runtime="1h",
    params:
        precision=lambda wildcards: scenario_of(wildcards).training.precision,
        code=lambda wildcards: tracked(code.evaluation_code(scenario_of(wildcards).model)),
    message:
        "Evaluate natural shift, {wildcards.scenario}: {wildcards.method}, sparsity {wildcards.sparsity}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate_shifts.py"
