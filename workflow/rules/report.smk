# What a reader opens: galleries of the corruptions, and one page with everything.
from dst_robustness.jobs.shown import value_without_secrets
from dst_robustness.reporting.figures import ANALYSIS_FIGURES
from dst_robustness.study.configuration import values_of

GALLERIES = expand(f"{RESULTS}/galleries/{{dataset}}.png", dataset=WHOLE.shown)
PICTURES = [path for path in EVERY_FIGURE if path.endswith(".png")]

# Made by `snakemake analyses`. The report shows what exists of it, and never requires it.
ANALYSES = [f"{TABLES}/layers.csv", f"{TABLES}/overlap.csv"] + expand(
    f"{RESULTS}/figures/{{figure}}.png", figure=ANALYSIS_FIGURES
)


rule corruption_gallery:
    """Draw one sheet for each data set: corruptions x severities."""
    input:
        GALLERIES,


rule draw_gallery:
    """Draw one sample of a data set under every corruption and severity of the test."""
    input:
        clean=lambda wildcards: test_split(wildcards.dataset),
        corrupted=lambda wildcards: corrupted_sets(wildcards.dataset, WHOLE.tested[wildcards.dataset]),
    output:
        report(f"{RESULTS}/galleries/{{dataset}}.png", category="Corruptions", caption="../report/gallery.rst"),
    log:
        f"{LOGS}/galleries/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/galleries/{{dataset}}.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        corruptions=lambda wildcards: WHOLE.tested[wildcards.dataset],
        code=tracked(code.fingerprint("dst_robustness.reporting.gallery")),
    message:
        "Draw the gallery of {wildcards.dataset}"
    script:
        "../scripts/draw_gallery.py"


rule write_report:
    """Write one page that opens without internet: verdict, tables, figures, galleries, and how it was made."""
    input:
        tables=[
            f"{TABLES}/{name}"
            for name in (
                "summary.csv",
                "corruptions.csv",
                "shifts.csv",
                "test_sets.csv",
                "missing.csv",
                "verdict.json",
                "attribution.json",
                "made_with.json",
            )
        ],
        figures=PICTURES,
        galleries=GALLERIES,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        study=value_without_secrets(values_of(STUDY)),
        analyses=lambda wildcards: {path: int(os.path.getmtime(path)) for path in ANALYSES if os.path.exists(path)},
        code=tracked(code.fingerprint("dst_robustness.reporting.report")),
    message:
        "Write the report"
    script:
        "../scripts/write_report.py"
