"""What a method of sparse training is made of. Imports no torch: listing methods stays cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

from dst_robustness.sparsity import scores
from dst_robustness.sparsity.schedules import ConstantDensity, DensityBudget, UpdateSchedule

if TYPE_CHECKING:
    from torch import Generator, Tensor

Average = Callable[[Sequence["Tensor"]], None]


@dataclass(frozen=True)
class Method:
    """A random mask that never changes; the other methods override one part or another.

    The fields of a subclass are its options. Scores are float32 [N] for a layer of N weights, the higher the better,
    and new tensors, since they are written to; the gradient [N] is empty unless ``needs_gradient``. The class
    attributes say what a method is:

    Attributes:
        sparse: it takes a sparsity; if not, it runs at sparsity 0 only.
        masks: it masks weights.
        dynamic: its masks change in training.
        scales_width: the model is made narrower until it has as few parameters.
        needs_masks: it starts from the masks of a finished run.
        needs_loss: it chooses its masks by the loss of a batch before training.
        needs_gradient: its scores use the gradient.
        grows: weights are grown, not only dropped.
        dense_gradient: growing needs the gradient of the inactive weights too, which costs a dense backward pass.
        global_budget: the layers share one budget by score, instead of one each by the distribution.
        regrown: "keep" or "zero": what a weight is that is dropped and grown again in the same update.
    """

    sparse: ClassVar[bool] = True
    masks: ClassVar[bool] = True
    dynamic: ClassVar[bool] = False
    scales_width: ClassVar[bool] = False
    needs_masks: ClassVar[bool] = False
    needs_loss: ClassVar[bool] = False
    needs_gradient: ClassVar[bool] = False
    dense_gradient: ClassVar[bool] = False
    grows: ClassVar[bool] = True
    global_budget: ClassVar[bool] = False
    regrown: ClassVar[str] = "keep"

    @classmethod
    def with_options(cls, options: Mapping[str, Any]) -> Self:
        """Return the method with those of the options that it has and that are not None."""
        own = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in options.items() if name in own and value is not None})

    def budget(self, density: float, schedule: UpdateSchedule) -> DensityBudget:
        """Return how dense the network is over the steps, on the way to ``density``."""
        return ConstantDensity(density)

    def survivors(self, active: int, final: int, target: int, drop_fraction: float) -> int:
        """Return how many weights of a layer survive an update.

        The layer has ``active`` weights before and ``final`` after the update, and ``target`` at the end of training.
        """
        return final - round(drop_fraction * final)

    def keep_score(self, weight: Tensor, gradient: Tensor) -> Tensor:
        """Return what makes an active weight worth keeping."""
        return scores.magnitude(weight)

    def grow_score(self, weight: Tensor, gradient: Tensor, generator: Generator) -> Tensor:
        """Return what makes an inactive weight worth growing."""
        raise NotImplementedError

    def initial_scores(self, weights: Sequence[Tensor], loss: Callable[[], Tensor], average: Average) -> list[Tensor]:
        """Return the score of every weight before training; ``average`` averages tensors over processes, in place."""
        raise NotImplementedError
