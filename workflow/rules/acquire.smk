# From addresses to verified files.


def dataset_options(wildcards, *names):
    options = STUDY["datasets"].get(wildcards.dataset, {})
    return {name: options[name] for name in names if name in options}


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
    params:
        type=lambda wildcards: dataset_type(wildcards.dataset),
        options=lambda wildcards: dataset_options(wildcards, "addresses", "checksum", "path"),
        code=fingerprint("dst_robustness.datasets.acquire"),
    resources:
        mem_mb=500,
        runtime="6h",
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/acquire_dataset.py"
