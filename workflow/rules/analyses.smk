# The paper's further analyses: on which frequencies networks depend, and where their weights are. They are not part of
# `all`, since the Fourier heat map tests each network once for every frequency. `snakemake analyses` runs them, for the
# first seed only, and not for clips.
from dst_robustness.reporting.figures import ANALYSIS_TABLES

ANALYSED = [
    run
    for scenario in WHOLE.listed.values()
    for run in scenario.runs
    if run.seed == min(scenario.seeds) and kind_of(run.dataset) == "images"
]
KERNELS = RUN.replace("runs/", "figures/kernels/")


rule analyses:
    """Run all analyses and draw their figures."""
    input:
        expand(f"{RESULTS}/figures/{{figure}}.{{format}}", figure=ANALYSIS_FIGURES, format=["pdf", "png"]),
        f"{TABLES}/overlap.csv",
        [f"{RESULTS}/figures/kernels/{run.folder.removeprefix('runs/')}.png" for run in ANALYSED if run.sparsity],


rule measure_frequency_response:
    """Test one network on images without low or high frequencies, and under each Fourier wave."""
    input:
        model=f"{RESULTS}/{RUN}/model.pt",
        run=f"{RESULTS}/{RUN}/run.json",
        test=lambda wildcards: test_split(scenario_of(wildcards).dataset),
    output:
        radius=f"{RESULTS}/{RUN}/radius.csv",
        fourier=f"{RESULTS}/{RUN}/fourier.csv",
    log:
        f"{LOGS}/{RUN}/frequency_response.log",
    benchmark:
        f"{BENCHMARKS}/{RUN}/frequency_response.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=1,
        runs_per_gpu=STUDY.runs_per_gpu,
        mem_mb=4000,
        runtime="4h",
    params:
        precision=lambda wildcards: training_of(wildcards).precision,
        samples=STUDY.fourier_samples,
        code=tracked(code.fingerprint("dst_robustness.evaluation.frequency_of_run")),
    message:
        "Frequency response of {wildcards.scenario}: {wildcards.method}, sparsity {wildcards.sparsity}, seed {wildcards.seed}"
    script:
        "../scripts/measure_frequency_response.py"


rule collect_frequency_responses:
    """Collect the frequency responses of all analysed runs in tables."""
    input:
        [f"{RESULTS}/{run.folder}/{name}.csv" for run in ANALYSED for name in ("radius", "fourier")],
    output:
        radius=f"{TABLES}/radius.csv",
        fourier=f"{TABLES}/fourier.csv",
    log:
        f"{LOGS}/collect_frequency_responses.log",
    benchmark:
        f"{BENCHMARKS}/collect_frequency_responses.jsonl"
    conda:
        "../../envs/environment.yaml"
    params:
        folders=[f"{RESULTS}/{run.folder}" for run in ANALYSED],
    message:
        "Collect the frequency responses"
    script:
        "../scripts/collect_frequency_responses.py"


rule measure_weights:
    """Count non-zeros by layer and kernel, and measure how much the topologies of runs overlap."""
    input:
        model=run_files("model.pt"),
        masks=run_files("masks.pt"),
        run=run_files("run.json"),
    output:
        layers=f"{TABLES}/layers.csv",
        overlap=f"{TABLES}/overlap.csv",
    log:
        f"{LOGS}/measure_weights.log",
    benchmark:
        f"{BENCHMARKS}/measure_weights.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        code=tracked(code.fingerprint("dst_robustness.analysis.weights")),
    message:
        "Measure weights and topologies"
    script:
        "../scripts/measure_weights.py"


rule draw_analysis_figure:
    """Draw the figure of one analysis."""
    input:
        f"{TABLES}/summary.csv",
        lambda wildcards: f"{TABLES}/{ANALYSIS_TABLES[wildcards.figure]}",
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=report(f"{RESULTS}/figures/{{figure}}.png", category="Analyses", caption="../report/figure.rst"),
        scenarios=[f"{RESULTS}/figures/{scenario}/{{figure}}.pdf" for scenario in WHOLE.listed],
    log:
        f"{LOGS}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{figure}}.jsonl"
    wildcard_constraints:
        figure=any_of(ANALYSIS_FIGURES),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        caption=lambda wildcards: CAPTIONS[wildcards.figure],
        code=lambda wildcards: tracked(code.fingerprint(ANALYSIS_FIGURES.module(wildcards.figure))),
    message:
        "Draw {wildcards.figure}"
    script:
        "../scripts/draw_figure.py"


rule draw_kernel_maps:
    """Draw the number of active weights in each kernel of one network."""
    input:
        model=f"{RESULTS}/{RUN}/model.pt",
        masks=f"{RESULTS}/{RUN}/masks.pt",
    output:
        pdf=f"{RESULTS}/{KERNELS}.pdf",
        png=report(
            f"{RESULTS}/{KERNELS}.png",
            category="Kernel maps",
            caption="../report/figure.rst",
            labels={name: f"{{{name}}}" for name in ("scenario", "method", "sparsity")},
        ),
    log:
        f"{LOGS}/{KERNELS}.log",
    benchmark:
        f"{BENCHMARKS}/{KERNELS}.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        caption=CAPTIONS["kernel_maps"],
        code=tracked(code.fingerprint("dst_robustness.reporting.figures.kernel_maps")),
    message:
        "Draw the kernels of {wildcards.scenario}: {wildcards.method}, sparsity {wildcards.sparsity}"
    script:
        "../scripts/draw_kernel_maps.py"
