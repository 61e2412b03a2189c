"""What a method of sparse training is made of. Imports no torch: listing the methods stays cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

from dst_robustness.registry import unknown_name
from dst_robustness.sparsity import scores
from dst_robustness.sparsity.schedules import ConstantDensity, DensityBudget, UpdateSchedule

if TYPE_CHECKING:
    from torch import Generator, Tensor

Average = Callable[[Sequence["Tensor"]], None]


@dataclass(frozen=True)
class Method:
    """A random mask that never changes. Each method overrides some parts of this.

    The fields of a subclass are its options. The class attributes say what the method is. Scores are float32 [N] for a
    layer of N weights, and higher is better. They must be new tensors, because they are overwritten. The gradient is
    float32 [N]; it is empty unless ``needs_gradient`` is set.

    Attributes:
        name: the name in configurations, folders and ``METHODS``.
        label: the name in tables and figures.
        dynamic: the masks change during training.
        dst: weights are grown, not only dropped: this is dynamic sparse training.
        sparse: the method takes a sparsity. If not, it runs at sparsity 0 only.
        masks: the method masks weights.
        scales_width: the network is made narrower until it has as few parameters.
        needs_masks: the method starts from the masks of a finished run.
        shuffles_masks: the method shuffles these masks within each layer.
        needs_loss: the method chooses its masks by the loss of a batch before training.
        needs_gradient: the scores use the gradient.
        dense_gradient: growing also needs the gradient of inactive weights, which costs a dense backward pass.
        global_budget: all layers share one budget by score. If not, the distribution gives each its own.
        regrown: "keep" or "zero": what happens to the value of a weight that one update drops and grows again.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    dynamic: ClassVar[bool] = False
    dst: ClassVar[bool] = False
    sparse: ClassVar[bool] = True
    masks: ClassVar[bool] = True
    scales_width: ClassVar[bool] = False
    needs_masks: ClassVar[bool] = False
    shuffles_masks: ClassVar[bool] = False
    needs_loss: ClassVar[bool] = False
    needs_gradient: ClassVar[bool] = False
    dense_gradient: ClassVar[bool] = False
    global_budget: ClassVar[bool] = False
    regrown: ClassVar[str] = "keep"

    @classmethod
    def option_names(cls) -> list[str]:
        """Return the names of the method's own options."""
        return [field.name for field in fields(cls)]

    @classmethod
    def with_options(cls, options: Mapping[str, Any]) -> Self:
        """Return the method with these options. None means the option's default.

        Raises ValueError for an option that the method does not have.
        """
        for name in options:
            if name not in cls.option_names():
                raise unknown_name(f"option of method '{cls.name}'", name, cls.option_names())
        return cls(**{name: value for name, value in options.items() if value is not None})

    def budget(self, density: float, schedule: UpdateSchedule) -> DensityBudget:
        """Return the density of the network over the steps, for a final ``density``."""
        return ConstantDensity(density)

    def survivors(self, active: int, final: int, target: int, drop_fraction: float) -> int:
        """Return how many weights of a layer survive an update.

        The layer has ``active`` weights before and ``final`` after the update, and ``target`` at the end of training.
        """
        return final - round(drop_fraction * final)

    def keep_score(self, weight: Tensor, gradient: Tensor) -> Tensor:
        """Return the score by which active weights are kept."""
        return scores.magnitude(weight)

    def grow_score(self, weight: Tensor, gradient: Tensor, generator: Generator) -> Tensor:
        """Return the score by which inactive weights are grown."""
        raise NotImplementedError

    def initial_scores(
        self, weights: Mapping[str, Tensor], loss: Callable[[], Tensor], average: Average
    ) -> list[Tensor]:
        """Return the score of every weight before training; ``average`` averages tensors over processes, in place."""
        raise NotImplementedError
