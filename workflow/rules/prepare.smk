# From raw files to checked splits in HDF5.


rule prepare_dataset:
    """Convert the raw files to training, validation and test split. Nothing is chosen by the test split."""
    input:
        f"{RESOURCES}/{{dataset}}/raw/acquired.json",
        chosen=lambda wildcards: data.list_of_tests(wildcards.dataset, STUDY) or [],
    output:
        train=f"{RESOURCES}/{{dataset}}/train.h5",
        validation=f"{RESOURCES}/{{dataset}}/validation.h5",
        test=f"{RESOURCES}/{{dataset}}/test.h5",
    log:
        f"{LOGS}/prepare/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare/{{dataset}}.jsonl"
    wildcard_constraints:
        dataset=any_of(WHOLE.trained),
    priority: 1  # as in corrupt.smk; a data set that is prepared last is trained on last, while other cores are idle
    localrule: not SHARED_DISK  # the raw files are only where they were acquired, since no rule declares them
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards: max(1, min(2, workflow.cores // 2))  # with all cores it would have to wait for all other jobs
    resources:
        mem_mb=4000,
        runtime="6h",
    params:
        spec=lambda wildcards: data.data_options(wildcards.dataset, STUDY, data.SPEC),
        options=lambda wildcards: data.data_options(wildcards.dataset, STUDY, data.PREPARE),
        code=lambda wildcards: tracked(code.preparation_code(data.type_of(wildcards.dataset, STUDY))),
    message:
        "Prepare {wildcards.dataset}"
    script:
        "../scripts/prepare_dataset.py"
