# The study, the paths of its files, and the values of the wildcards.
import gc
import logging
import os
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import Quietness

from dst_robustness.datasets import source_state
from dst_robustness.jobs.gpus import threads_beside_gpus
from dst_robustness.jobs.logs import OURS
from dst_robustness.jobs.shown import copies_without_secrets, text_without_secrets
from dst_robustness.jobs.terminal import Said
from dst_robustness.study import code, data
from dst_robustness.study.configuration import name_of, read_layer
from dst_robustness.study.foresight import foresee
from dst_robustness.study.values import any_of
from dst_robustness.study.whole import read_whole

SAID = Said()
try:
    LAYERS = [(os.path.relpath(path), read_layer(path)) for path in workflow.configfiles]
    LAYERS.append(("--config", workflow.config_settings.config))
    folders = [os.path.relpath(Path(path).parent) for path in workflow.configfiles]
    WHOLE = read_whole(*(content for _, content in LAYERS), name=name_of(workflow.configfiles), folders=folders)
    if workflow.is_main_process:
        logging.getLogger(OURS).addHandler(SAID)
        foresee(WHOLE.study, WHOLE.listed.values())
except ValueError as error:
    told = text_without_secrets(str(error))
    if Quietness.ALL in (workflow.output_settings.quiet or ()):  # otherwise Snakemake prints it
        print(told, file=sys.stderr)
    raise WorkflowError(told) from None

# Jobs start faster if Python keeps what it has compiled, which images of containers often forbid.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The graph of a large grid has millions of objects, and all of them stay. Looking for garbage among them takes 7% of a
# dry run.
gc.set_threshold(1_000_000, 50, 100)

STUDY, SCENARIOS, RUNS = WHOLE.study, WHOLE.scenarios, WHOLE.runs
RESULTS = STUDY.results_dir
RESOURCES = STUDY.resources_dir
LOGS = f"{RESULTS}/logs"
# Snakemake's own reports and archives would hold the configuration's files as they are.
workflow.configfiles[:] = copies_without_secrets(workflow.configfiles, f"{LOGS}/configuration")
BENCHMARKS = f"{RESULTS}/benchmarks"
RUN = "runs/{scenario}/{method}/{sparsity}/seed{seed}"
NETWORK = ["model.pt", "masks.pt", "run.json", "history.csv", "topology.csv"]  # what training leaves in a run's folder
# Whether all jobs share a disk. With a storage provider, a job only has the files that its rule declares.
SHARED_DISK = not workflow.storage_settings.default_storage_provider


wildcard_constraints:
    dataset=any_of(WHOLE.trained | WHOLE.published | WHOLE.shifted),
    scenario=any_of(SCENARIOS),
    method=any_of({run.method for run in RUNS.values()}),
    sparsity=r"\d+(\.\d+)?(e-\d+)?",
    seed=r"\d+",
    corruption=r"\w+",


def scenario_of(wildcards):
    return SCENARIOS[wildcards.scenario]


def run_of(wildcards):
    return RUNS[RUN.format(**wildcards)]


def training_of(wildcards):
    return scenario_of(wildcards).training_of(wildcards.method)


@cache
def recipe_of(scenario, method):
    return SCENARIOS[scenario].recipe(method)


def test_split(dataset):
    """Return the test split. A published corrupted set has that of the data set of which it is made."""
    return f"{RESOURCES}/{data.data_trained_on(dataset, STUDY)}/test.h5"


def corrupted_sets(dataset, corruptions):
    return [f"{RESOURCES}/{dataset}/corrupted/{corruption}.h5" for corruption in corruptions]


def shifted_sets(scenario):
    return [f"{RESOURCES}/{scenario.trained_on}/shifted/{shift}.h5" for shift in scenario.shifts]


def files_of(runs, name):
    return [f"{RESULTS}/{run.folder}/{name}" for run in runs]


def run_files(name, is_wanted=lambda run: True):
    """Return one file of every listed run, in the order of the grid.

    If seeds are added until all rows are decided, the runs are known after the last look.
    """
    if STUDY.decide is None:
        return files_of(filter(is_wanted, WHOLE.listed_runs), name)
    return lambda wildcards: files_of(filter(is_wanted, decided_runs()), name)


def tracked(value):
    """Return a parameter that changes with the code of a step, if the study tracks code."""
    return value if STUDY.track_code else None


def kind_of(dataset):
    return data.spec_of(dataset, STUDY).kind


@cache
def source_of(dataset):
    """Return a parameter that changes with the user's own files, so that they are acquired and prepared anew."""
    return source_state(data.spec_of(dataset, STUDY), data.data_options(dataset, STUDY).get("path"))


def gpu_job_threads(wildcards):
    """Return the threads of a training or an evaluation."""
    is_jpeg = data.spec_of(scenario_of(wildcards).trained_on, STUDY).jpeg
    places = workflow.global_resources.get("gpu")
    return threads_beside_gpus(workflow.cores, (places and places.value) or 0, decodes=is_jpeg)


def what_is_trained_on(wildcards):
    """Return the files that a training reads: its data, and the masks or weights that it starts from."""
    scenario = scenario_of(wildcards)
    return {
        "train": f"{RESOURCES}/{scenario.trained_on}/train.h5",
        "validation": f"{RESOURCES}/{scenario.trained_on}/validation.h5",
        "masks": files_of(scenario.sources(run_of(wildcards)), "masks.pt"),
        "weights": training_of(wildcards).initial_weights or [],
    }


def what_is_tested_on(wildcards):
    """Return the test sets of a scenario."""
    scenario = scenario_of(wildcards)
    return {
        "test": test_split(scenario.dataset),
        "corrupted": corrupted_sets(scenario.dataset, scenario.corruptions),
    }
