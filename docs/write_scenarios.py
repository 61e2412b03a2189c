# ruff: noqa: E501 - rows of tables in Markdown cannot be broken
"""Write scenarios.md from the presets in ``config/`` and the numbers of ``dst_robustness.analysis.published``.

Run ``python docs/write_scenarios.py`` after a change of either.
"""

from __future__ import annotations

from pathlib import Path

from dst_robustness.analysis.published import PAPER, SOURCE, Published
from dst_robustness.analysis.published import SCENARIOS as PUBLISHED
from dst_robustness.reporting.names import DATASET_LABELS, MODEL_LABELS, method_name
from dst_robustness.sparsity import METHODS
from dst_robustness.study.configuration import read_layer, read_study
from dst_robustness.study.data import VALIDATION_FRACTION
from dst_robustness.study.grid import Scenario, read_scenarios
from dst_robustness.study.options import SparseTraining, Training

ROOT = Path(__file__).parents[1]
# The preset of each scenario of the paper, in its order.
PRESETS = (
    "cifar10", "cifar100", "tiny_imagenet", "imagenet", "imagenet_c_bar", "imagenet_3dcc", "imagenet_deit",
    "ucf101_r3d50", "ucf101_i3d",
)  # fmt: skip
# Official training samples, by the makers of each data set; of UCF101 those of the first division.
TRAINING_SAMPLES = {
    "cifar10": "50,000 images", "cifar100": "50,000 images", "tiny_imagenet": "100,000 images",
    "imagenet": "1,281,167 images", "ucf101": "9,537 videos",
}  # fmt: skip
# Scenarios whose figure has a caption that could be read; reviews name the sparsities that they are swept over.
SWEPT = {1, 2, 3}
SWEEP = "0.3, 0.4, 0.5, 0.6, 0.7"
FIFTEEN = (
    "The benchmark has fifteen corruptions and four more for validation. It is unknown over which of them the paper "
    "averages. Here it is all nineteen, and `robust_accuracy_15` in summary.csv is over the fifteen."
)
SHARED = "A study with several of scenarios 4 to 6, such as `config/paper.yaml`, trains their networks once."
CLIPS = (
    "Networks start from fresh weights and are trained on the first official division; whether the paper's were "
    "pretrained is unknown. The corruptions are the suites of Mini Kinetics-C and UCF101-P, so robust accuracy is "
    "probably a mean over other corruptions than the paper's."
)
# What else differs, or may differ.
NOTES = {
    1: (FIFTEEN, "`dataset: cifar10_c` tests on the published files instead."),
    2: (FIFTEEN, "`dataset: cifar100_c` tests on the published files instead."),
    3: (
        FIFTEEN,
        "The published files (`tiny_imagenet_c`) show other images than the test split, as their authors say.",
    ),
    4: (FIFTEEN, SHARED),
    5: (SHARED,),
    6: (SHARED,),
    7: (
        FIFTEEN,
        "AdamW corrects the moments of a grown weight by the weight's own age (arXiv 2606.00888). Published runs do not "
        "say so; `sparse_training: {grown_state: plain}` is the usual form.",
    ),
    8: (CLIPS,),
    9: (CLIPS,),
}


def _head() -> str:
    return f"""# The nine scenarios of the paper

<!-- Written by docs/write_scenarios.py from config/*.yaml and src/dst_robustness/analysis/published.py: change those. -->

{PAPER}.
We could read the abstract, and the captions and sentences that public pages quote, but not the appendix and the tables.
So for each scenario this page says what is known and from where, what is unknown, and what the preset chooses instead.
**No number on this page was checked against the tables of the paper.**

Sources: [1] the abstract and the caption of figure 2, [arXiv 2410.03030](https://arxiv.org/abs/2410.03030); [2] the
{SOURCE} (second-hand).

## What is known about all scenarios

| | from |
|---|---|
| The claim: at sparsities of 10% to 50%, DST beats dense training in accuracy under corruption, without more cost | [1] |
| The algorithms: SET, RigL, MEST, GraNet; MEST and GraNet with random (r) and with gradient (g) regrowth | [1] |
| Robust accuracy: top-1 accuracy averaged uniformly over all corruptions and the five severities | [2] |
| All results are of single trainings: no seeds, deviations or intervals are reported | [2] |

**Unknown** for all of them: epochs, batch size, learning rate and its schedule, weight decay, augmentation, how density
is distributed over the layers, how often and how much of the topology is replaced, number of training and validation
images, arithmetic, and which epoch was reported. It is also unknown how the videos were corrupted.

## What differs here in all scenarios

| | here | why |
|---|---|---|
| seeds | three, paired | a difference of one training cannot be told from chance |
| validation | {VALIDATION_FRACTION:.0%} of the training samples is set aside, so CIFAR trains on 45,000 images | no choice is made on the test set; the last epoch counts |
| arithmetic | bf16 autocast where the device has it, but for clips on a CPU | speed; `training: {{precision: float32}}` is the other choice |
| baselines | `static`, a random mask that never moves | **an addition**: it tells sparsity from its dynamics |
| ImageNet | random regrowth (SET, MEST-r, GraNet-r) too | **an addition**: the paper has gradient regrowth only there [2] |
| density | {SparseTraining().distribution.upper()} over the layers | from public code of the first authors of those months |
| topology | drop fraction {SparseTraining().drop_fraction:g}, annealed ({SparseTraining().drop_schedule}); at most 100 steps between updates; none after {SparseTraining().last_update:.0%} of the training | the published RigL |
| optimiser, where a scenario does not say more | {_training(Training())}, momentum {Training().momentum:g} | from public code of the first authors of those months |

How long a scenario takes on a GPU is not measured. [scaling.md](scaling.md) says how to get your own hours. When one
network of each is finished, `snakemake -n --quiet` on your machine says it.
"""


def scenarios_page() -> str:
    """Return the page in Markdown: what holds for all scenarios, then each."""
    return "\n".join([_head(), *(_section(*pair) for pair in zip(PUBLISHED, PRESETS, strict=True))])


def _section(published: Published, preset: str) -> str:
    ((_, scenario),) = read_scenarios(read_study(read_layer(ROOT / f"config/{preset}.yaml"), name=preset)).items()
    corrupted, _, network = published.title.partition(", ")
    source = "[1]" if published.number in SWEPT else "[2]"
    notes = "\n".join(f"- {note}" for note in NOTES[published.number])
    rows = [
        ("test set", f"{corrupted} {source}", _tested(scenario)),
        ("trained on", f"{_label(scenario.trained_on)} [2]", _trained(scenario)),
        ("network", f"{network} {source}", MODEL_LABELS[scenario.model]),
        ("sparsities", f"{SWEEP if published.number in SWEPT else published.sparsity} [2]",
         ", ".join(f"{level:g}" for level in scenario.sparsities)),
        ("methods", f"Dense, {', '.join(map(method_name, published.methods))} [2]", _methods(published, scenario)),
        ("training", "unknown", f"chosen: {_training(scenario.training)}"),
        ("seeds", "none reported [2]", ", ".join(map(str, scenario.seeds))),
    ]  # fmt: skip
    table = "\n".join(f"| {name} | {paper} | {here} |" for name, paper, here in rows)
    return f"""## {published.number}. {published.title}

| | the paper | here |
|---|---|---|
{table}

**Published:** {_numbers(published)}

{notes}

**To run:** `snakemake --cores all --configfile config/{preset}.yaml`: {len(scenario.runs)} networks. Time: not measured.
"""


def _label(dataset: str) -> str:
    return DATASET_LABELS[dataset]


def _tested(scenario: Scenario) -> str:
    count = len(scenario.corruptions)
    made = "the published files" if scenario.dataset != scenario.trained_on else "made here from the test split"
    return f"{_label(scenario.dataset)}, {count} corruptions x 5 severities, {made}"


def _trained(scenario: Scenario) -> str:
    return f"{_label(scenario.trained_on)}, {1 - VALIDATION_FRACTION:.0%} of {TRAINING_SAMPLES[scenario.trained_on]}"


def _methods(published: Published, scenario: Scenario) -> str:
    """Return the methods; those that the paper has not are marked."""
    known = {"dense", *published.methods}
    names = [method_name(name) if name in known else f"**{method_name(name)}**" for name in scenario.methods]
    return f"{', '.join(names)} (bold: additions)"


def _training(options: Training) -> str:
    schedule = {"step": "x 0.1 at 1/2 and 3/4", "cosine": "cosine", "constant": "constant"}[options.schedule]
    words = [
        f"{options.epochs} epochs", f"batch {options.batch_size}",
        {"sgd": "SGD", "adamw": "AdamW"}[options.optimizer] + f" at {options.learning_rate:g}, {schedule}",
        f"weight decay {options.weight_decay:g}", options.augmentation.replace("_", " ").replace("+", ", "),
    ]  # fmt: skip
    words += [f"{options.warmup_epochs:g} epochs of warm-up"] if options.warmup_epochs else []
    words += [f"label smoothing {options.label_smoothing:g}"] if options.label_smoothing else []
    words += [options.mixing.replace("_", " and ")] if options.mixing != "none" else []
    return ", ".join(words)


def _numbers(published: Published) -> str:
    """Return the published numbers with their source."""
    if published.best is None:
        remark = published.remark or "the figure has curves only, and no source gives numbers"
        return f"no robust accuracy is known; {remark} [2]."
    named = ", ".join(f"{METHODS[name].label} {value:.2f}%" for name, value in published.by_method)
    rest = f" By method: {named}." if named else " Which method that is, no source says."
    return (
        f"robust accuracy {published.dense:.4g}% dense and {published.best:.4g}% for the best DST method at sparsity "
        f"{published.sparsity:g} [2].{rest}"
    )


FILES = {ROOT / "docs/scenarios.md": scenarios_page}

if __name__ == "__main__":
    for target, write in FILES.items():
        target.write_text(write(), encoding="utf-8")
