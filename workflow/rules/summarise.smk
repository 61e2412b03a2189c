# From the metrics of all runs to tables, figures and a message. Nothing here needs a GPU.
SUMMARY = f"{RESULTS}/tables/summary.csv"


rule summarise:
    """Put all runs into tables, with intervals and a verdict."""
    input:
        predictions=run_files("predictions.h5"),
        metrics=run_files("metrics.csv"),
        run=run_files("run.json"),
    output:
        summary=SUMMARY,
        corruptions=f"{RESULTS}/tables/corruptions.csv",
        missing=f"{RESULTS}/tables/missing.csv",
        verdict=f"{RESULTS}/tables/verdict.json",
    log:
        f"{LOGS}/summarise.log",
    benchmark:
        f"{BENCHMARKS}/summarise.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        base_methods={name: variant["method"] for name, variant in STUDY["variants"].items()},
        code=fingerprint("dst_robustness.analysis.summary"),
    script:
        "../scripts/summarise.py"


rule draw_figure:
    """Draw one figure from the tables."""
    input:
        SUMMARY,
        f"{RESULTS}/tables/corruptions.csv",
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=report(f"{RESULTS}/figures/{{figure}}.png", category="Figures", caption="../report/{figure}.rst"),
    log:
        f"{LOGS}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{figure}}.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        code=lambda wildcards: fingerprint(FIGURES.module(wildcards.figure)),
    script:
        "../scripts/draw_figure.py"
