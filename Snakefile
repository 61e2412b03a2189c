from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/corrupt.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/summarise.smk"


rule all:
    default_target: True
    input:
        SUMMARY,
        expand(f"{RESULTS}/figures/{{figure}}.{{format}}", figure=FIGURES, format=["pdf", "png"]),


onsuccess:
    from dst_robustness.reporting.message import closing_message

    print(closing_message(RESULTS))
