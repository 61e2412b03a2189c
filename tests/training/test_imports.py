"""A training imports what it needs, and starts fast."""

import subprocess
import sys

NOT_NEEDED = (
    "pandas", "timm", "torchvision", "torch.utils.tensorboard", "tensorboard", "numba", "scipy", "sklearn",
    "matplotlib", "torch.distributed.launcher", "torch._dynamo", "snakemake", "dst_robustness.datasets",
)  # fmt: skip


def test_a_training_imports_nothing_that_it_does_not_use() -> None:
    """pandas and timm alone cost each job most of a second: they belong to the options and networks that need them."""
    code = (
        "import sys; import dst_robustness.training.loop; from dst_robustness.models import build_model; "
        "from dst_robustness.study.augmentations import AUGMENTATIONS; build_model('resnet8', 10); "
        "AUGMENTATIONS['crop']; print(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*NOT_NEEDED} & {*result.stdout.split()}
