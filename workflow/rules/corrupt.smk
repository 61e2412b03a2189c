# Make or import the corrupted copies of the test splits.


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
    wildcard_constraints:
        dataset=any_of(WHOLE.trained),
    priority: 1  # before the trainings, so that results, and faults in the data, come early
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="4h",
    params:
        seed=STUDY.corruption_seed,
        frost_pictures=lambda wildcards: data.frost_pictures(wildcards.corruption, STUDY),
        constants=lambda wildcards: code.corruption_constants(wildcards.corruption, kind_of(wildcards.dataset)),
        code=lambda wildcards: tracked(code.corruption_code(wildcards.corruption, kind_of(wildcards.dataset))),
    message:
        "Corrupt {wildcards.dataset}: {wildcards.corruption}"
    script:
        "../scripts/corrupt_dataset.py"


rule import_corrupted:
    """Convert one corruption of a published test set to the order and the format of the test split."""
    input:
        published=f"{RESOURCES}/{{dataset}}/raw/acquired.json",
        clean=lambda wildcards: test_split(wildcards.dataset),
    output:
        f"{RESOURCES}/{{dataset}}/corrupted/{{corruption}}.h5",
    log:
        f"{LOGS}/import/{{dataset}}/{{corruption}}.log",
    benchmark:
        f"{BENCHMARKS}/import/{{dataset}}/{{corruption}}.jsonl"
    wildcard_constraints:
        dataset=any_of(WHOLE.published),
    priority: 1
    localrule: not SHARED_DISK  # as in prepare.smk
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="4h",
    params:
        code=tracked(code.fingerprint("dst_robustness.sets.published")),
    message:
        "Import {wildcards.dataset}: {wildcards.corruption}"
    script:
        "../scripts/import_corrupted.py"


rule import_shifted:
    """Convert a published test set of natural shift to the shape and the labels of the test split."""
    input:
        published=f"{RESOURCES}/{{dataset}}/raw/acquired.json",
        clean=f"{RESOURCES}/{{origin}}/test.h5",
    output:
        f"{RESOURCES}/{{origin}}/shifted/{{dataset}}.h5",
    log:
        f"{LOGS}/import/{{origin}}/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/import/{{origin}}/{{dataset}}.jsonl"
    wildcard_constraints:
        origin=any_of(WHOLE.trained),
        dataset=any_of(WHOLE.shifted),
    priority: 1
    localrule: not SHARED_DISK  # as in prepare.smk
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="4h",
    params:
        spec=lambda wildcards: data.data_options(wildcards.dataset, STUDY, ("type",)),
        code=tracked(code.fingerprint("dst_robustness.sets.shifted", "dst_robustness.datasets.shifted")),
    message:
        "Import {wildcards.dataset} for networks trained on {wildcards.origin}"
    script:
        "../scripts/import_shifted.py"
