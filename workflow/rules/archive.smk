# A finished study in one file, and the data that another machine needs to continue it.
import yaml

from dst_robustness.jobs.shown import yaml_without_secrets
from dst_robustness.study.configuration import portable


rule make_data:
    """Make all splits and all corrupted copies that the study needs."""
    input:
        [
            f"{RESOURCES}/{scenario.trained_on}/{split}.h5"
            for scenario in WHOLE.listed.values()
            for split in ("train", "validation", "test")
        ],
        [path for dataset, names in WHOLE.shown.items() for path in corrupted_sets(dataset, names)],
        [path for scenario in WHOLE.listed.values() for path in shifted_sets(scenario)],


rule archive:
    """Pack the study into one file: configuration, tables, figures, report, and the description of each run."""
    input:
        model=run_files("model.pt") if "networks" in STUDY.archive else [],
        masks=run_files("masks.pt") if "networks" in STUDY.archive else [],
        run=run_files("run.json"),
        history=run_files("history.csv"),
        topology=run_files("topology.csv"),
        predictions=run_files("predictions.h5") if "predictions" in STUDY.archive else [],
        metrics=run_files("metrics.csv"),
        tables=[*rules.measure_corruptions.output, *rules.summarise.output],
        figures=EVERY_FIGURE,
        galleries=GALLERIES,
        report=f"{RESULTS}/report.html",
    output:
        f"{RESULTS}/{STUDY.name}.tar",
    log:
        f"{LOGS}/archive.log",
    benchmark:
        f"{BENCHMARKS}/archive.jsonl"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1000,
        runtime="2h",
    params:
        name=STUDY.name,
        smoke=STUDY.smoke,
        holds=STUDY.archive,
        configuration=yaml_without_secrets(
            yaml.safe_dump(portable(LAYERS, STUDY.name), sort_keys=False, allow_unicode=True)
        ),
        citation=f"{workflow.basedir}/CITATION.cff",
        code=tracked(code.fingerprint("dst_robustness.reporting.archive")),
    message:
        "Pack the study"
    script:
        "../scripts/write_archive.py"
