# From the metrics of all runs to tables and figures. Nothing here needs a GPU.
from dst_robustness.reporting.figures import CAPTIONS, FIGURES, figures_of
from dst_robustness.study.ladder import CONTROLS

TABLES = f"{RESULTS}/tables"
WRITTEN = ["robustness", *(["sparsity"] if WHOLE.listed_here else []), "metrics", "resources", "by_corruption"]
TEXTS = expand(f"{TABLES}/{{table}}{{ending}}", table=WRITTEN, ending=[".md", ".tex", "_two_columns.tex"])
DRAWN = figures_of(
    trained=bool(WHOLE.listed_here),
    taken=any(run.folder in WHOLE.taken for run in WHOLE.listed_runs),
    controls=any(run.base_method in CONTROLS for run in WHOLE.listed_runs),
)
EVERY_FIGURE = expand(f"{RESULTS}/figures/{{figure}}.{{format}}", figure=DRAWN, format=["pdf", "png"])

# The baseline, the gain that matters, and what was fixed before the study.
JUDGING = {
    "baseline": STUDY.baseline,
    "margin": STUDY.margin / 100,
    "plan": PLAN.model_dump(exclude={"margin"}) if PLAN else None,
    "aside": WHOLE.aside,
    "sources": WHOLE.sources,
}


rule summarise:
    """Summarise all runs in tables, with intervals and a verdict."""
    input:
        predictions=run_files("predictions.h5"),
        metrics=run_files("metrics.csv"),
        run=run_files("run.json"),
        history=run_files("history.csv"),
        topology=run_files("topology.csv"),
        frequency=f"{TABLES}/frequency.csv",
        shifts=run_files("shifts.h5", lambda run: SCENARIOS[run.scenario].shifts),
    output:
        summary=f"{TABLES}/summary.csv",
        networks=f"{TABLES}/networks.csv",
        corruptions=f"{TABLES}/corruptions.csv",
        training=f"{TABLES}/training.csv",
        topology=f"{TABLES}/topology.csv",
        attribution=f"{TABLES}/attribution.csv",
        attributed=f"{TABLES}/attribution.json",
        shifts=f"{TABLES}/shifts.csv",
        missing=f"{TABLES}/missing.csv",
        verdict=f"{TABLES}/verdict.json",
        made_with=f"{TABLES}/made_with.json",
        texts=TEXTS,
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
        judging=JUDGING,
        texts=WRITTEN,
        code=tracked(code.fingerprint("dst_robustness.analysis.summary", "dst_robustness.reporting.write_tables")),
    message:
        "Summarise all runs"
    script:
        "../scripts/summarise.py"


rule summary:
    """Print the table and the verdict of the runs finished so far, and say which are missing."""
    log:
        f"{LOGS}/summary.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        folders=[f"{RESULTS}/{run.folder}" for run in runs_so_far()],
        partial=f"{RESULTS}/partial",
        judging=JUDGING,
        texts=WRITTEN,
    message:
        "What is finished so far"
    script:
        "../scripts/print_summary.py"


rule measure_corruptions:
    """Measure the share of high frequencies in each corruption (it orders the figures), and describe the test sets."""
    input:
        tests=[test_split(dataset) for dataset in WHOLE.shown],
        corrupted=[path for dataset, names in WHOLE.shown.items() for path in corrupted_sets(dataset, names)],
    output:
        frequency=f"{TABLES}/frequency.csv",
        sets=f"{TABLES}/test_sets.csv",
    log:
        f"{LOGS}/measure_corruptions.log",
    benchmark:
        f"{BENCHMARKS}/measure_corruptions.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        corruptions=WHOLE.shown,
        code=tracked(code.fingerprint("dst_robustness.analysis.frequency", "dst_robustness.analysis.tested")),
    message:
        "Measure the spectra of the corruptions"
    script:
        "../scripts/measure_corruptions.py"


rule draw_figure:
    """Draw one figure from the tables."""
    input:
        f"{TABLES}/summary.csv",
        f"{TABLES}/corruptions.csv",
        f"{TABLES}/training.csv",
        f"{TABLES}/topology.csv",
        f"{TABLES}/frequency.csv",
        f"{TABLES}/attribution.csv",
        f"{TABLES}/shifts.csv",
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=report(f"{RESULTS}/figures/{{figure}}.png", category="Figures", caption="../report/figure.rst"),
        scenarios=[f"{RESULTS}/figures/{scenario}/{{figure}}.pdf" for scenario in WHOLE.listed],
    log:
        f"{LOGS}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{figure}}.jsonl"
    wildcard_constraints:
        figure=any_of(FIGURES),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        caption=lambda wildcards: CAPTIONS[wildcards.figure],
        code=lambda wildcards: tracked(code.fingerprint(FIGURES.module(wildcards.figure))),
    message:
        "Draw {wildcards.figure}"
    script:
        "../scripts/draw_figure.py"
