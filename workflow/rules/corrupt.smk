# From the test split to its corrupted copies.


rule corrupt_dataset:
    """Make the five severities of one corruption of a test split."""
    input:
        f"{RESOURCES}/{{dataset}}/test.h5",
    output:
        f"{RESOURCES}/{{dataset}}/corrupted/{{corruption}}.h5",
    log:
        f"{LOGS}/corrupt/{{dataset}}/{{corruption}}.log",
    benchmark:
        f"{BENCHMARKS}/corrupt/{{dataset}}/{{corruption}}.jsonl"
    params:
        seed=STUDY["corruption_seed"],
        frost_pictures=lambda wildcards: STUDY["frost_pictures"] if wildcards.corruption == "frost" else None,
        constants=corruption_constants,
        code=corruption_code,
    threads: 1
    resources:
        mem_mb=2000,
        runtime="4h",
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/corrupt_dataset.py"
