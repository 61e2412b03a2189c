"""The configuration of a study: each option is one field with its type, limits, default and description.

To add an option, add a field. Messages, docs/configuration.md and the schema for editors are made from it
(``python docs/write_configuration.py`` writes the last two). ``grid.py`` checks whether names exist and whether options
fit together.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from dst_robustness.study.values import all_different, file, folder, model, name, read_value, whole_number, word

T = TypeVar("T")
Integer = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[Integer, Field(ge=1)]
NotNegative = Annotated[Number, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
BelowOne = Annotated[Number, Field(ge=0, lt=1)]
Share = Annotated[Number, Field(ge=0, le=1)]
Margin = Annotated[Number, Field(gt=0, le=20)]
Seed = Annotated[Integer, Field(ge=0, le=2**63 - 1)]
Name = Annotated[str, AfterValidator(name)]
Word = Annotated[str, AfterValidator(word)]  # a name in tables
Path = Annotated[str, Field(min_length=1), AfterValidator(file)]
Model = Annotated[str, AfterValidator(model)]
Folder = Annotated[str, Field(min_length=1), AfterValidator(folder)]
Different = Annotated[list[T], AfterValidator(all_different), Field(json_schema_extra={"uniqueItems": True})]
Listed = Annotated[Different[T], Field(min_length=1)]
Channels = Annotated[list[Share], Field(min_length=3, max_length=3)]
Checksum = Annotated[str, Field(pattern="^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")]


class Options(BaseModel):
    """A group of options. The text below each field describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _read_value(cls, value: Any, info: ValidationInfo) -> Any:
        return read_value(value, cls.model_fields[str(info.field_name)].annotation)


class Training(Options):
    """How every network of the study is trained."""

    decide_nothing: ClassVar = {"checkpoint_seconds", "tensorboard"}  # options without which the result is the same

    train_samples: Count | None = None
    """Number of samples on which each network is trained: a stratified subset of the training split, the same for every
    seed. A larger subset contains a smaller one. Null is the whole split. Validation and test do not change."""
    epochs: Count = 200
    """Passes over the training set."""
    batch_size: Count = 128
    """Samples per optimiser step."""
    gradient_accumulation: Count = 1
    """Number of parts in which a batch is computed, one after another, if it does not fit into memory."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """Optimiser."""
    learning_rate: Positive = 0.1
    """Peak learning rate."""
    momentum: BelowOne = 0.9
    """Nesterov momentum of SGD."""
    weight_decay: NotNegative = 0.0005
    """L2 penalty (SGD) or decoupled decay (AdamW)."""
    schedule: Literal["step", "cosine", "constant"] = "step"
    """`step` multiplies the learning rate by 0.1 at 1/2 and 3/4 of training; `cosine` anneals it to 0."""
    warmup_epochs: NotNegative = 0
    """Epochs of linear warm-up."""
    label_smoothing: BelowOne = 0
    """Label smoothing."""
    gradient_clipping: NotNegative = 0
    """Largest norm of the gradient; 0 does not clip."""
    weight_averaging: BelowOne = 0
    """Decay of an exponential moving average of the weights, which is then the result; 0 does not average."""
    augmentation: str = "crop_flip"
    """Augmentations of the training samples, applied from left to right, for example `crop_flip+augmix`."""
    mixing: str = "none"
    """How pairs of training samples and their labels are mixed, for example `mixup`; `none` does not mix."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """`bfloat16` runs the forward pass in bf16 autocast. `auto` does so on devices with bf16 arithmetic, but not for
    clips on a CPU, which are always computed in `float32`."""
    compile: bool = False
    """Compiles the network (torch.compile) when a training starts. Useful for long trainings on GPUs: the first step of
    the first training takes up to a minute, and on a CPU later steps are hardly faster."""
    checkpoint_seconds: NotNegative = 60
    """Seconds between two checkpoints; 0 writes one after every step."""
    tensorboard: bool = False
    """Also writes the rows of history.csv as event files for TensorBoard, into a folder `tensorboard` in the folder of
    each run. Give the folder of results to `tensorboard --logdir`. Weights & Biases reads such files too."""
    initial_weights: Path | None = None
    """File of trained weights from which every network starts, dense or sparse: safetensors, or a state_dict of
    torch.save. A class head for other classes gets fresh weights. Null draws all weights from the seed."""


class SparseTraining(Options):
    """How the sparse networks are trained. Which options count depends on the method."""

    distribution: Literal["erk", "er", "uniform"] = "erk"
    """How the density is distributed over the layers."""
    update_interval: Count | None = None
    """Optimiser steps between topology updates; null is a fortieth of all steps, at least 1 and at most 100."""
    drop_fraction: BelowOne = 0.3
    """Share of a layer's active weights that the first topology update replaces."""
    last_update: Annotated[Number, Field(gt=0, le=1)] = 0.75
    """Share of the training after which the topology no longer changes."""
    drop_schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the drop fraction is annealed until the last update."""
    first_update: Count | None = None
    """Optimiser step after which the first topology update is made; null is one update interval."""
    regrown: Literal["keep", "zero"] | None = None
    """What happens to a weight that an update drops and grows again: `keep` its value or `zero` it; null is the
    method's own way."""
    step_on_update: bool = True
    """Whether the optimiser also steps when the topology is updated."""
    grown_state: Literal["own age", "plain"] = "own age"
    """How AdamW corrects the moments of a grown weight: by the weight's `own age`, or `plain`, as if it had existed
    from the start. `plain` makes its first updates up to 6.5 times too large. It matters for AdamW only."""
    grown_warmup: Annotated[Integer, Field(ge=0)] = 0
    """Steps over which the learning rate of a grown weight rises to the full one. Only with AdamW and `own age`."""
    initial_density: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Density at the start of GraNet; null is 0.8, or 1 if the target is above that."""
    memory_bound: NotNegative | Annotated[list[NotNegative], Field(min_length=1)] | None = None
    """MEST: by how much the density between updates may exceed the target, relative to it. A list shrinks it in steps
    (EM&S); null is 0.1."""
    gradient_weight: NotNegative | None = None
    """MEST: weight of the gradient in the drop score; null is 0.5."""
    layerwise: bool | None = None
    """GMP: prune each layer on its own instead of all layers together; null is together."""
    dense_first: bool = False
    """Keep the first layer dense."""
    dense_last: bool = False
    """Keep the last layer dense."""
    exclude: Different[str] = []
    """Name patterns (such as `layer4.*`) of weights that always stay dense."""


class Variant(SparseTraining):
    """A method with options of its own: any of `sparse_training`, and the following."""

    method: str
    """The method of which this is a variant."""
    source: str | None = None
    """For dst_frozen and dst_shuffled: the listed method whose final masks, of the same sparsity and seed, are trained
    from the start."""
    training: Training = Field(default_factory=Training)
    """The differences to the `training` of the scenario, for example `dense_l2: {method: dense, training:
    {weight_decay: 0.002}}`."""


class Dataset(Options):
    """Options of a data set, all of them optional."""

    type: str | None = None
    """The registered data set that this is, such as `image_folder`, if the name is your own."""
    addresses: Annotated[list[str], Field(min_length=1)] | None = None
    """Addresses of the archive, tried in this order instead of the official ones."""
    checksum: Checksum | Annotated[dict[str, Checksum], Field(min_length=1)] | None = None
    """Checksum of the archive instead of the official one, `md5:...` or `sha256:...`. For a set of several files, a
    table from file name to checksum."""
    path: Path | None = None
    """Folder or archive on this machine to read instead of downloading."""
    trained_on: str | None = None
    """For a published corrupted test set: the data set whose networks it tests and of whose test split it is made, if
    that is not the official one."""
    image_size: Annotated[Integer, Field(ge=8)] | None = None
    """Side of the square images or frames in pixels instead of the data set's own."""
    frames: Annotated[Integer, Field(ge=2)] | None = None
    """Frames of a clip (sets of videos only)."""
    sampling: Literal["uniform", "dense"] | None = None
    """Which frames (sets of videos only): `uniform` spreads them over the whole video, `dense` takes every second one
    around its middle. The default is `uniform`."""
    test_clips: Count | None = None
    """Clips taken from each test video, evenly spread over it. A network's class probabilities are averaged over them
    (sets of videos only). The default is 1."""
    official_split: Annotated[Integer, Field(ge=1, le=3)] | None = None
    """Which of the published divisions into training and test videos (UCF101 and HMDB51 only)."""
    time_limit: Annotated[Number, Field(gt=0)] | None = None
    """Seconds that decoding one video may take (sets of videos only). The default is 60."""
    damaged_limit: Annotated[Integer, Field(ge=0)] | None = None
    """Number of damaged files in a split that are left out and named in the log. More of them are an error. The
    default is 0 for images and 20 for videos."""
    max_pixels: Count | None = None
    """Largest number of pixels of an image file of your own. Reading one takes about 12 bytes per pixel. Above 200
    million, give the preparation more memory with `--set-resources prepare_dataset:mem_mb=...`. The default is
    89,478,485."""
    train_samples: Count | None = None
    """Size of a stratified subset of the training samples (validation included)."""
    test_samples: Annotated[Count | Path, BeforeValidator(whole_number)] | None = None
    """Size of a stratified subset of the test samples, or a text file that lists them, one per line: rows of the test
    set, counted from 0, or names of files, such as `CLASS/FILE`. Published corrupted sets are cut to the same samples.
    So with RobustBench's list of 5,000 images, results on ImageNet-C can be compared with those of RobustBench."""
    validation_fraction: Annotated[Number, Field(gt=0, le=0.5)] | None = None
    """Share of the training samples that becomes the validation split."""
    seed: Seed | None = None
    """Seed of the subsets and of the validation split."""


class Decide(Options):
    """Seeds until decided: a study looks at its results several times, and decided rows get no more seeds."""

    first: Annotated[Integer, Field(ge=2)] = 5
    """Seeds before the first look."""
    step: Count = 5
    """Seeds from one look to the next."""
    last: Annotated[Integer, Field(ge=2)] = 30
    """Seeds at the last look."""
    margin: Margin | None = None
    """The study's `margin`, if it is given here."""
    error: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    """Chance of any false verdict, over all looks and rows."""
    over: Literal["study", "scenario"] = "study"
    """Whose rows share the error: those of the whole study, or those of each scenario, as if it were a study itself."""

    @model_validator(mode="after")
    def _in_order(self) -> Decide:
        if self.first > self.last:
            raise ValueError(f"first is {self.first}, more than last, {self.last}; allowed: at most that")
        return self

    @property
    def looks(self) -> tuple[int, ...]:
        """Seeds at each look."""
        return (*range(self.first, self.last, self.step), self.last)


class Grid(Options):
    """Options of the study and of each of its scenarios. A scenario's own value overrides the study's."""

    methods: Listed[str] = ["dense", "static", "set", "rigl", "mest_r", "mest_g", "granet_r", "granet_g"]
    """Training methods, or variants of them. `dense` is the baseline with which the others are compared."""
    sparsities: Listed[BelowOne] = [0.1, 0.3, 0.5]
    """Shares of weights that are zero; the dense baseline is trained once, at 0."""
    sparsities_of: dict[str, Listed[BelowOne]] = {}
    """Methods that are trained at other sparsities than the rest, for example `{granet_g: [0.5]}`."""
    seeds: Listed[Seed] = [0, 1, 2]
    """Seeds of initial weights, data order and masks. Runs of the same seed are compared in pairs."""
    corruptions: Literal["all", "benchmark", "c_bar", "3dcc", "kinetics_c", "ucf101_p"] | Listed[str] = "all"
    """`all` that fit the data set, for images the nineteen; for images `benchmark`, the fifteen of mCE, `c_bar`, the
    ten of C-bar for 32 or 224 pixels, and `3dcc`, the three of 3DCC that need no depth; for clips one of the suites
    `kinetics_c` and `ucf101_p`; or a list of names."""
    ladder: Different[str] = []
    """Methods whose gain is explained by controls. At their sparsities these are trained too: dense_small, static, and
    the final masks of the method from the start, both unchanged and shuffled within each layer. Only for methods of
    dynamic sparse training."""
    training: Training = Field(default_factory=Training)
    """How every network is trained."""
    sparse_training: SparseTraining = Field(default_factory=SparseTraining)
    """How the sparse networks are trained."""


class Scenario(Grid):
    """A data set, a model, and their training."""

    dataset: str
    """A registered data set, whose test split is corrupted here, or a name of your own that `datasets` explains. A
    published corrupted test set, such as `cifar10_c`, tests the networks trained on the set of which it is made."""
    model: Model
    """A registered architecture, `timm:NAME`, `torchvision:NAME`, or `FILE.py:FUNCTION` for a function
    `build(num_classes, image_size)` of your own, which may take `width` and `frames` too."""
    name: Word | None = None
    """Name in tables and folders; null is data set and model, such as `cifar10_resnet18`. A study may list the same
    data set and model several times under different names."""
    width: Annotated[Number, Field(gt=0, le=16)] = 1
    """Factor for the channels of all hidden layers of the model."""
    shifts: Annotated[list[str], AfterValidator(all_different)] = []
    """Sets of natural shift on which the networks are tested too: `[cifar10_1, cifar10_2]` for `cifar10`, and
    `[imagenet_v2, imagenet_a, imagenet_r, imagenet_sketch]` for `imagenet`. Each has its own columns."""
    in_answer: bool = True
    """Whether the study's answer includes this scenario. If not, it only has its own rows and verdicts. That suits a
    scenario with unusual corruptions that tests the networks of another scenario."""


class Network(Options):
    """A network that was trained elsewhere and is only tested."""

    name: Word
    """Name in tables and folders."""
    dataset: str
    """The data set on which it is tested, as in a scenario."""
    model: Model
    """Its architecture, as in a scenario."""
    weights: Path | None = None
    """File of its weights: safetensors, or a state_dict of torch.save, alone or inside a larger file."""
    seeds: Annotated[dict[Seed, Path], Field(min_length=1)] | None = None
    """Instead of `weights`: the files of several trainings with the same recipe, for example `{0: a.pt, 1: b.pt}`.
    Networks are compared in pairs of the same seed."""
    baseline: str | None = None
    """What this network is compared with: another network, or a scenario of the study, whose `baseline` is meant. If
    only one scenario has its data set, the name of that baseline will do, as `dense`."""
    mean: Channels | None = None
    """Mean of its training pixels in [0, 1], red, green, blue; null is the mean in its file."""
    std: Channels | None = None
    """Standard deviation of its training pixels in [0, 1]; null is that in its file."""
    width: Annotated[Number, Field(gt=0, le=16)] = 1
    """Factor for the channels of all hidden layers of the model."""

    @property
    def files(self) -> dict[int, str]:
        """The files of weights by seed."""
        return {seed: str(path) for seed, path in (self.seeds or {0: self.weights}).items()}


class Study(Grid):
    """What to train, on which data, and under which corruptions to test."""

    name: Name | None = None
    """Name of the study; null is the name of its file, such as `cifar10` for `config/cifar10.yaml`."""
    results_dir: Folder | None = None
    """Folder for runs, tables, figures and the report; null is `results/NAME`, so that studies do not overwrite each
    other. In this and all other paths `~` is your home folder, and `$NAME` the value of an environment variable. Files
    to read, and those of `model`, are looked for beside the configuration's files first, then in the working folder."""
    resources_dir: Folder = "resources"
    """Folder for data sets and their corrupted copies. Studies may share it."""
    scenarios: list[Scenario] = []
    """The data sets and models of the study. Each may override methods, sparsities, sparsities_of, seeds, corruptions,
    training and sparse_training for itself."""
    only: Different[str] = []
    """Names of the scenarios to work on now; empty is all. Tables, figures and report then show only these. Leave it
    out again to get all."""
    networks: list[Network] = []
    """Networks that were trained elsewhere and are only tested, in addition to scenarios or without any. Their
    corruptions and precision are those of the study."""
    decide: Decide | None = None
    """Instead of `seeds`: use seeds 0, 1, 2 ... until each row is decided, for example `{first: 5, step: 5, last:
    30}`."""
    margin: Margin = 0.5
    """The gain in robust accuracy that matters, in points. Set it before the study. A row whose gain is surely smaller
    is `equivalent`."""
    baseline: str = "dense"
    """Method or variant that gains are measured against."""
    variants: dict[Word, Variant] = {}
    """Methods with other options, under names of your own that `methods` may then list, for example
    `rigl_uniform: {method: rigl, distribution: uniform}`."""
    datasets: dict[Word, Dataset] = {}
    """Options of data sets, by name."""
    smoke: bool = False
    """Shrinks the study to minutes on two cores: a small network, a few samples, one epoch, one method besides `dense`,
    one sparsity, one seed and two corruptions per scenario. `_smoke` is appended to both folders."""
    corruption_seed: Seed = 0
    """Seed of the corrupted copies. All runs are tested on the same copies."""
    frost_pictures: Path | None = None
    """Folder with the frost images of the benchmark. Without it, they are taken from an installed imagecorruptions
    package. If there is none, a procedural texture replaces them, and the report says so."""
    gpus_per_run: Count = 1
    """Number of GPUs for one training. With more than one it is data-parallel."""
    runs_per_gpu: Count = 1
    """How many jobs may share one GPU."""
    fourier_samples: Count = 1000
    """Number of test images over which the Fourier heat maps of `snakemake analyses` average."""
    archive: Different[Literal["predictions", "networks"]] = ["predictions", "networks"]
    """What `snakemake archive` packs besides configuration, tables, figures, report and each run's description. With
    both, the study can be continued elsewhere without training again. Large networks make a large file."""
    track_code: bool = True
    """Whether a change of this package's code reruns the steps that use it. Comments and docstrings do not count."""

    @model_validator(mode="after")
    def _fits(self) -> Study:
        if self.decide is not None:
            if "seeds" in self.model_fields_set or any("seeds" in one.model_fields_set for one in self.scenarios):
                raise ValueError("has both `decide` and `seeds`; give one of them")
            if "margin" in self.model_fields_set and self.decide.margin not in (None, self.margin):
                raise ValueError(
                    f"has margin {self.margin:g} and decide.margin {self.decide.margin:g}; give one of them"
                )
        return self
