# From addresses to verified files.


localrules:
    acquire_dataset,


rule acquire_dataset:
    """Fetch the files of a data set and check their sums before anything opens them."""
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
        spec=lambda wildcards: dataset_options(wildcards, "type"),
        options=lambda wildcards: dataset_options(wildcards, "addresses", "checksum", "path"),
        source=source_of_dataset,
        code=fingerprint("dst_robustness.datasets.acquire"),
    message:
        "Acquire {wildcards.dataset}"
    script:
        "../scripts/acquire_dataset.py"
