"""What a topology update does to the loss under AdamW, with and without an age of its own for each grown weight.

    python benchmarks/grown_weights.py [--seeds 3] [--steps 1050] [--first 800] [--interval 100] [--rate 0.003]

A small vision transformer (2 blocks of width 48) learns the 1,797 digits of ``digits``, 8 x 8 pixels. RigL at
sparsity 0.5 replaces 30% of the weights at each update. The first update is late, when the optimiser's count is high.
Both forms start from the same weights and see the same batches. The loss is that of the first 300 digits, in evaluation
mode. Its rise is the largest loss of the ten steps after an update, minus the loss before it.
"""

from __future__ import annotations

import argparse
import statistics

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from dst_robustness.datasets.digits import all_scans
from dst_robustness.sparsity import SparseTraining

FORMS = ("own age", "plain")
AFTER = 10  # steps that an update is watched for
WATCHED = 300  # digits that the loss is taken on


def digits() -> tuple[Tensor, Tensor]:
    scans, labels = all_scans()
    return torch.from_numpy(scans).float().unsqueeze(1) / 16 - 0.3, torch.from_numpy(labels)


def train(grown_state: str, seed: int, arguments: argparse.Namespace) -> tuple[list[float], list[float], float]:
    """Return the rise after each update, the loss three steps after it minus before, and the loss at the end."""
    torch.manual_seed(seed)
    model = VisionTransformer(8, 2, 1, 10, embed_dim=48, depth=2, num_heads=4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.05)
    trainer = SparseTraining(
        model,
        optimizer,
        method="rigl",
        sparsity=0.5,
        total_steps=arguments.steps,
        first_update=arguments.first,
        update_interval=arguments.interval,
        last_update=1.0,
        drop_schedule="constant",
        grown_state=grown_state,
        exclude=["patch_embed.*"],
    )
    images, labels = digits()
    order = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def loss() -> float:
        model.eval()
        value = F.cross_entropy(model(images[:WATCHED]), labels[:WATCHED]).item()
        model.train()
        return value

    rises, thirds, before, watched = [], [], 0.0, list[float]()
    for _ in range(arguments.steps):
        if trainer.update_due:
            before, watched = loss(), []
        rows = torch.randint(len(labels), (32,), generator=order)
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        trainer.step(clip_norm=1.0)
        since = trainer.steps - trainer.updates[-1].step if trainer.updates else AFTER + 1
        if since <= AFTER:
            watched.append(loss())
        if since == AFTER:
            rises.append(max(watched) - before)
            thirds.append(watched[3] - before)
    return rises, thirds, loss()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1050)
    parser.add_argument("--first", type=int, default=800)
    parser.add_argument("--interval", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0.003)
    arguments = parser.parse_args()
    print(f"{'grown_state':12}{'rise, mean':>12}{'largest':>10}{'after 3 steps':>15}{'at the end':>12}  ({arguments})")
    for form in FORMS:
        runs = [train(form, seed, arguments) for seed in range(arguments.seeds)]
        rises = [rise for run in runs for rise in run[0]]
        thirds = [value for run in runs for value in run[1]]
        end = statistics.mean(run[2] for run in runs)
        print(f"{form:12}{statistics.mean(rises):12.4f}{max(rises):10.4f}{statistics.mean(thirds):15.4f}{end:12.4f}")


if __name__ == "__main__":
    main()
