# From the test split to its corrupted copies, or from published ones.


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
        dataset=any_of(TRAINED),
    priority: 1  # before the trainings: results come early, and so do faults of the data
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="4h",
    params:
        seed=STUDY.corruption_seed,
        frost_pictures=lambda wildcards: STUDY.frost_pictures if wildcards.corruption == "frost" else None,
        constants=corruption_constants,
        code=corruption_code,
    message:
        "Corrupt {wildcards.dataset}: {wildcards.corruption}"
    script:
        "../scripts/corrupt_dataset.py"


rule list_corrupted:
    """Say that the corrupted sets that networks are tested on are all there."""
    input:
        lambda wildcards: corrupted_sets(wildcards.dataset, LISTS[wildcards.list]),
    output:
        f"{RESOURCES}/{{dataset}}/corrupted/{{list}}.txt",
    log:
        f"{LOGS}/corrupt/{{dataset}}/{{list}}.log",
    benchmark:
        f"{BENCHMARKS}/corrupt/{{dataset}}/{{list}}.jsonl"
    wildcard_constraints:
        list=any_of(LISTS),
    priority: 1
    localrule: True
    conda:
        "../../envs/environment.yaml"
    message:
        "List the corrupted sets of {wildcards.dataset}"
    shell:
        "basename -a {input:q} > {output:q}.partial 2> {log:q} && mv {output:q}.partial {output:q}"


rule import_corrupted:
    """Bring one corruption of a published test set into the order and the format of the test split."""
    input:
        published=f"{RESOURCES}/{{dataset}}/raw/acquired.json",
        clean=test_split,
    output:
        f"{RESOURCES}/{{dataset}}/corrupted/{{corruption}}.h5",
    log:
        f"{LOGS}/import/{{dataset}}/{{corruption}}.log",
    benchmark:
        f"{BENCHMARKS}/import/{{dataset}}/{{corruption}}.jsonl"
    wildcard_constraints:
        dataset=any_of(PUBLISHED),
    priority: 1
    localrule: not SHARED_DISK  # as in prepare.smk
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="4h",
    params:
        code=fingerprint("dst_robustness.sets.published"),
    message:
        "Import {wildcards.dataset}: {wildcards.corruption}"
    script:
        "../scripts/import_corrupted.py"
