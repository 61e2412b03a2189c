"""What is loaded when. Each job is a process of its own, and a short one spends most of its time on its start."""

import subprocess
import sys

import pytest

# Each process runs its steps in turn. After a step none of these modules may be loaded.
PROCESSES = {
    "names": [
        ("import dst_robustness.jobs.logs, dst_robustness.jobs.locks", "cv2 h5py numpy torch"),
        (
            "from dst_robustness.corruptions import VIDEO_CORRUPTIONS; assert len(VIDEO_CORRUPTIONS) == 32",
            "av numba torch decord",
        ),
        (
            "from dst_robustness.datasets import DATASETS; list(DATASETS)",
            "torch sklearn pandas requests pooch scipy av numba",
        ),
        (
            "from dst_robustness.sparsity import METHODS; [METHODS[name] for name in METHODS]\n"
            "assert not METHODS['dense'].sparse and METHODS['rigl'].sparse\n"
            "assert METHODS['dense_small'].scales_width and METHODS['dst_frozen'].needs_masks",
            "torch",
        ),
        (
            "from dst_robustness.models import VIDEO_MODELS; assert 'r3d_tiny' in VIDEO_MODELS\n"
            "from dst_robustness.models.sources import find_source as f\n"
            "kinds = [f(name).kind for name in ('resnet8', 'r3d_tiny', 'timm:convnext_tiny', 'torchvision:s3d')]\n"
            "assert kinds == ['images', 'clips', 'images', 'clips'], kinds",
            "torch timm torchvision",
        ),
        (
            "from dst_robustness.study.augmentations import AUGMENTATIONS, MIXINGS\n"
            "assert 'augmix' in AUGMENTATIONS and {'mixup', 'none'} <= set(MIXINGS)",
            "torch",
        ),
        ("import dst_robustness.reporting.figures", "matplotlib torch"),
        ("from dst_robustness.evaluation import corruption_table, gain", "torch"),
        (
            "from dst_robustness.__main__ import main\n"
            "try: main(['corrupt', '--help'])\n"
            "except SystemExit as end: assert not end.code",
            "torch",
        ),
    ],
    "figures": [
        (
            "from dst_robustness.reporting.figures import FIGURES; list(map(FIGURES.__getitem__, FIGURES))",
            "torch statsmodels pydantic sklearn numba requests pebble",
        ),
    ],
    "evaluation": [
        (
            "import dst_robustness.evaluation.evaluate, dst_robustness.evaluation.metrics\n"
            "from dst_robustness.models import build_model; build_model('resnet8', 10)",
            "pandas timm torchvision tensorboard numba scipy sklearn matplotlib snakemake",
        ),
    ],
    "training": [
        (
            "import dst_robustness.training.loop\n"
            "from dst_robustness.models import build_model; build_model('resnet8', 10)\n"
            "from dst_robustness.study.augmentations import AUGMENTATIONS; AUGMENTATIONS['crop']",
            "pandas timm torchvision torch.utils.tensorboard tensorboard numba scipy sklearn matplotlib "
            "torch.distributed.launcher torch._dynamo snakemake dst_robustness.datasets",
        ),
    ],
}
RUN = """
import sys
for code, unwanted in {steps!r}:
    exec(code)
    loaded = set(unwanted.split()) & set(sys.modules)
    assert not loaded, f"{{loaded}} loaded by: {{code}}"
"""


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_loads_nothing_that_it_does_not_use(process: str) -> None:
    code = RUN.format(steps=PROCESSES[process])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
