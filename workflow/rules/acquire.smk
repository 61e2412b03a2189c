# From addresses to verified files.


localrules:
    acquire_dataset,


rule acquire_dataset:
    """Download the files of a data set and verify their checksums before anything opens them."""
    output:
        f"{RESOURCES}/{{dataset}}/raw/acquired.json",
    log:
        f"{LOGS}/acquire/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/acquire/{{dataset}}.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=500,
        runtime="6h",
    params:
        spec=lambda wildcards: data.data_options(wildcards.dataset, STUDY, ("type",)),
        options=lambda wildcards: data.acquire_options(wildcards.dataset, STUDY),
        files=lambda wildcards: data.files_of(wildcards.dataset, STUDY, WHOLE.tested.get(wildcards.dataset, ())),
        source=lambda wildcards: source_of(wildcards.dataset),
        code=tracked(code.fingerprint("dst_robustness.datasets.acquire")),
    message:
        "Acquire {wildcards.dataset}"
    script:
        "../scripts/acquire_dataset.py"
