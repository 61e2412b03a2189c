# The grid and the paths. Everything that the rules need to know of the configuration is here.
import gc
import os
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import Quietness

from dst_robustness.study.configuration import read_layer, read_study, values_of
from dst_robustness.corruptions import CONSTANTS, KNOWN_CORRUPTIONS, VIDEO_CORRUPTIONS
from dst_robustness.corruptions.video.parameters import KINETICS_C, UCF101_P
from dst_robustness.datasets import DATASETS, SPEC_OPTIONS, dataset_spec, source_state
from dst_robustness.evaluation.corrupted_sets import list_name
from dst_robustness.study.grid import options_of, read_scenarios
from dst_robustness.models import MODELS
from dst_robustness.models.sources import find_source
from dst_robustness.study.origins import show_origins
from dst_robustness.jobs.provenance import code_fingerprint
from dst_robustness.reporting.figures import ANALYSIS_FIGURES, ANALYSIS_TABLES, CAPTIONS, FIGURES
from dst_robustness.study.smoke import shrink
from dst_robustness.sparsity import METHODS
from dst_robustness.training.augmentation import AUGMENTATIONS

try:
    LAYERS = [(os.path.relpath(path), read_layer(path)) for path in workflow.configfiles]
    LAYERS.append(("--config", workflow.config_settings.config))
    STUDY = read_study(*(content for _, content in LAYERS))
    SCENARIOS = read_scenarios(STUDY)
    if STUDY.smoke:
        STUDY, SCENARIOS = shrink(STUDY, SCENARIOS)
except ValueError as error:
    if Quietness.ALL in (workflow.output_settings.quiet or ()):  # else Snakemake says it
        print(error, file=sys.stderr)
    raise WorkflowError(str(error)) from None

# The graph of a large grid is millions of objects, all of which stay: looking for garbage among them is 7% of the time
# of a dry run.
gc.set_threshold(1_000_000, 50, 100)

RESULTS = STUDY.results_dir
RESOURCES = STUDY.resources_dir
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
RUN = "runs/{dataset}/{model}/{method}/{sparsity}/seed{seed}"
NETWORK = ["model.pt", "masks.pt", "run.json", "history.csv", "topology.csv"]  # what training leaves in a run's folder
RUNS = [run for scenario in SCENARIOS.values() for run in scenario.runs]
# The corruptions that each data set is tested under, over all models.
TESTED = {}
for scenario in SCENARIOS.values():
    TESTED[scenario.dataset] = list(dict.fromkeys([*TESTED.get(scenario.dataset, []), *scenario.corruptions]))
TRAINED = {scenario.trained_on for scenario in SCENARIOS.values()}
# Published corrupted test sets: imported, not made, and tested with networks trained on another data set.
PUBLISHED = {scenario.dataset for scenario in SCENARIOS.values()} - TRAINED
# The lists of corrupted sets that stand for the sets themselves, by name.
LISTS = {list_name(scenario.corruptions): scenario.corruptions for scenario in SCENARIOS.values()}
# Whether all jobs share a disk: where a storage provider is named, each has only the files that its rule declares.
SHARED_DISK = not workflow.storage_settings.default_storage_provider


def any_of(names):
    """Return the pattern of a wildcard that may be one of these names; of none, one that fits no name."""
    return "|".join(sorted(names)) or "NONE"


wildcard_constraints:
    dataset=any_of(TRAINED | PUBLISHED),
    model=any_of({scenario.model for scenario in SCENARIOS.values()}),
    method=any_of({run.method for run in RUNS}),
    sparsity=r"\d+(\.\d+)?(e-\d+)?",
    seed=r"\d+",
    corruption=r"\w+",


def scenario_of(wildcards):
    """Return the scenario of a run; those that test the same networks train them alike."""
    return scenario_with(wildcards.dataset, wildcards.model, wildcards.method)


@cache
def scenario_with(dataset, model, method):
    names = dataset, model
    own = [scenario for key, scenario in SCENARIOS.items() if key == names]
    shared = [scenario for scenario in SCENARIOS.values() if (scenario.trained_on, scenario.model) == names]
    return next(scenario for scenario in own + shared if method in scenario.methods)


def trained_on(dataset):
    return next(s.trained_on for s in SCENARIOS.values() if dataset in (s.dataset, s.trained_on))


def clean_test(dataset):
    """Return the test split; that of a published corrupted set is the one of the data set that it is made of."""
    return f"{RESOURCES}/{trained_on(dataset)}/test.h5"


def test_split(wildcards):
    return clean_test(wildcards.dataset)


def corrupted_sets(dataset, corruptions):
    return [f"{RESOURCES}/{dataset}/corrupted/{corruption}.h5" for corruption in corruptions]


def corrupted_for_run(wildcards):
    """Return the corrupted sets of a run, and on a disk that all jobs share one list that stands for them: to name each
    of nineteen for each of 2,000 networks is a quarter of the time that Snakemake needs to see what is to do."""
    corruptions = scenario_of(wildcards).corruptions
    if not SHARED_DISK:
        return corrupted_sets(wildcards.dataset, corruptions)
    return [f"{RESOURCES}/{wildcards.dataset}/corrupted/{list_name(corruptions)}.txt"]


def network_of_origin(wildcards):
    run = RUN.replace("{dataset}", trained_on(wildcards.dataset))
    return expand(f"{RESULTS}/{run}/{{file}}", file=NETWORK, **wildcards)


def initial_weights(wildcards):
    """Return the trained weights that a run starts from, where the study has such."""
    return scenario_of(wildcards).training.initial_weights or []


def source_masks(wildcards):
    """Return the final masks that a run starts from, where its method is a control that starts from such."""
    source = scenario_of(wildcards).source(wildcards.method)
    run = RUN.replace("{method}", source) if source else None
    return expand(f"{RESULTS}/{run}/masks.pt", **wildcards) if run else []


def dataset_type(name):
    return options_of(name, STUDY).get("type", name)


def dataset_options(wildcards, *names):
    options = options_of(wildcards.dataset, STUDY)
    return {name: options[name] for name in names if name in options}


@cache
def state_of_source(dataset):
    options = options_of(dataset, STUDY)
    return source_state(dataset_spec(dataset, options), options.get("path"))


def source_of_dataset(wildcards):
    """Return what changes when the user's own files do, so that they are acquired and prepared anew."""
    return state_of_source(wildcards.dataset)


def run_files(name):
    """Return one file of every run, in the order of the grid."""
    return [f"{RESULTS}/{run.folder}/{name}" for run in RUNS]


@cache
def first_seed(dataset, model):
    return min(run.seed for run in RUNS if (run.dataset, run.model) == (dataset, model))


@cache
def fingerprint(*modules):
    """Return a parameter that changes with the code of these modules, where the configuration asks for it."""
    return code_fingerprint(*modules) if STUDY.track_code else None


def network_code(model):
    """Return what changes with the code of a network of a user's file; its own and a library's are told otherwise."""
    return find_source(model).code if STUDY.track_code and model not in MODELS else None


def network_modules(model):
    return [MODELS.module(model)] if model in MODELS else ["dst_robustness.models.foreign"]


def training_code(wildcards):
    method = scenario_of(wildcards).base_method(wildcards.method)
    augmentations = scenario_of(wildcards).training.augmentation.split("+")
    return fingerprint(
        "dst_robustness.training.loop",
        "dst_robustness.sparsity.training",
        *network_modules(wildcards.model),
        METHODS.module(method),
        *map(AUGMENTATIONS.module, augmentations),
    )


def evaluation_code(wildcards):
    return fingerprint(
        "dst_robustness.evaluation.evaluate", "dst_robustness.evaluation.metrics", *network_modules(wildcards.model)
    )


def preparation_code(wildcards):
    return fingerprint("dst_robustness.datasets.prepare", DATASETS.module(dataset_type(wildcards.dataset)))


def is_video(dataset):
    return DATASETS[dataset_type(dataset)].kind == "clips"


def gpu_job_threads(wildcards):
    """Return the threads of a training or an evaluation: one, or to decode samples that are stored as JPEG its share of
    the cores beside the GPUs. One more share is left for the jobs without a GPU."""
    places = workflow.global_resources.get("gpu")
    spec = dataset_spec(wildcards.dataset, options_of(wildcards.dataset, STUDY))
    return max(1, workflow.cores // (places.value + 1)) if places and places.value and spec.jpeg else 1


def corruption_registry(wildcards):
    return VIDEO_CORRUPTIONS if is_video(wildcards.dataset) else KNOWN_CORRUPTIONS


def corruption_constants(wildcards):
    """Return the rows of a corruption in all tables, so that another row in a table remakes nothing."""
    clips = corruption_registry(wildcards) is VIDEO_CORRUPTIONS
    return [
        table.get(wildcards.corruption) for table in (*CONSTANTS.values(), *((KINETICS_C, UCF101_P) if clips else ()))
    ]


def corruption_code(wildcards):
    file = corruption_registry(wildcards)[wildcards.corruption].place.partition(":")[0]
    return fingerprint("dst_robustness.sets.corrupt", f"dst_robustness.corruptions.{file}")
