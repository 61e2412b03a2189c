import getpass
import os
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

try:
    getpass.getuser()
except (KeyError, OSError):  # a container's user without an account; Snakemake asks for the name
    os.environ.update(LOGNAME=str(os.getuid()))  # in the form that `snakemake --lint` takes for setting


# Without --configfile: the study of the working folder, else the embedded one beside this file.
if not workflow.configfiles:

    configfile: "config.yaml" if Path("config.yaml").exists() else f"{workflow.basedir}/config.yaml"


EMBEDDED = [Path(path).resolve() for path in workflow.configfiles] == [Path(workflow.basedir, "config.yaml").resolve()]


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/print_config.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/corrupt.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/decide.smk"
include: "workflow/rules/summarise.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/archive.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/progress.smk"


rule all:
    default_target: True
    input:
        look_to_come(),
        rules.summarise.output,
        EVERY_FIGURE,
        f"{RESULTS}/report.html",
    message:
        f"All results are in {RESULTS}"


onsuccess:
    # Not after print_config, export, summary, or where nothing was to be done.
    if any(job.rule.name == "write_report" for job in workflow.dag.finished_jobs):
        from dst_robustness.reporting.message import closing_message

        print(closing_message(RESULTS, f"{RESULTS}/report.html", suggest=EMBEDDED))
