"""Notice weights and optimiser states that other code than the trainer's step has written.

PyTorch counts the writes to a tensor. A tensor with the same count and address as after the last step need not be
checked, so that the watch costs almost nothing. Writes through ``.data`` are not counted. To find them, one layer is
checked in every step.
"""

from __future__ import annotations

import warnings
from functools import partial

from torch import Tensor, nn
from torch.optim import Optimizer

from dst_robustness.sparsity.layers import SparseLayer, SparseWeights
from dst_robustness.sparsity.maskable import layer_weights, unwrap
from dst_robustness.sparsity.optimizers import states, trained_parameters
from dst_robustness.sparsity.readings import Readings, runs_ahead

Stamp = tuple[int, int]


class Watch:
    """Remembers the weights of the sparse layers and their optimiser states as they were after the last step."""

    def __init__(
        self, model: nn.Module, network: SparseWeights, optimizer: Optimizer, readings: Readings | None
    ) -> None:
        """Watch the sparse layers. Without ``readings``, layers on a GPU are checked only when necessary."""
        layers = network.layers
        self.layers, self.optimizer, self._frozen = layers, optimizer, dict(network.frozen)
        self._model, self._known = unwrap(model), list(model.parameters())
        self._trained = len(trained_parameters(optimizer))
        self._readings = readings or Readings()
        self._looks = readings is not None or not any(runs_ahead(layer.weight.device) for layer in layers)
        places = {id(p): (m._parameters, key) for m in unwrap(model).modules() for key, p in m._parameters.items()}
        self._places = [places[id(layer.weight)] for layer in layers]
        self._stamps: list[list[Stamp]] = [[] for _ in layers]
        self._turn = 0

    def remember(self) -> None:
        """Remember the present state as that of the trainer's last step."""
        self._stamps = [self._stamps_of(layer) for layer in self.layers]

    def forget(self) -> None:
        """Check all layers the next time."""
        self._stamps = [[] for _ in self.layers]

    def check(self) -> None:
        """Raise RuntimeError if a layer no longer agrees with its mask."""
        self._warn_of_thawed()
        self._warn_of_added()
        if not self.layers:
            return
        self._turn = (self._turn + 1) % len(self.layers)
        for i, (layer, (parameters, key)) in enumerate(zip(self.layers, self._places, strict=True)):
            if parameters.get(key) is not layer.weight or layer.weight.device != layer.mask.device:
                raise RuntimeError(
                    f"{layer.name} is another tensor, or on another device, than when SparseTraining was constructed: "
                    f"construct it after the model has been moved, and load weights without assign=True"
                )
            if self._stamps_of(layer) != self._stamps[i]:
                self._refuse(layer, int(layer.strays(self.optimizer)))
            elif self._looks and i == self._turn:
                self._readings.read(layer.strays(), partial(self._refuse, layer))

    def _warn_of_thawed(self) -> None:
        """Warn, once, of a layer that nothing trained at first and that is trained now."""
        if not self._frozen:
            return
        trained = {id(parameter) for parameter in trained_parameters(self.optimizer)}
        thawed = {name for name, weight in self._frozen.items() if weight.grad is not None and id(weight) in trained}
        self._frozen = {name: weight for name, weight in self._frozen.items() if name not in thawed}
        if thawed:
            warnings.warn(
                f"{', '.join(sorted(thawed))}: nothing trained this when SparseTraining was constructed, so it stays "
                f"dense and does not count. To mask it, construct SparseTraining when all layers are trained",
                stacklevel=5,
            )

    def _warn_of_added(self) -> None:
        """Warn, once, of layers that the network and the optimiser did not have at first."""
        trained = trained_parameters(self.optimizer)
        if len(trained) == self._trained:
            return
        self._trained = len(trained)
        new = {id(parameter) for parameter in trained} - {id(parameter) for parameter in self._known}
        if added := [weight.name for weight in layer_weights(self._model) if id(weight.parameter) in new]:
            warnings.warn(
                f"{', '.join(added)}: the optimizer got this after SparseTraining was constructed, so it stays dense "
                f"and does not count. To mask it, construct SparseTraining when all layers are there",
                stacklevel=5,
            )

    def _refuse(self, layer: SparseLayer, strays: int) -> None:
        if strays:
            raise RuntimeError(
                f"{layer.name}: {strays} inactive weights or their optimiser states are not zero: something other than "
                f"step() wrote them. Load weights before SparseTraining is constructed, or call apply_masks() after it"
            )

    def _stamps_of(self, layer: SparseLayer) -> list[Stamp]:
        return [_stamp(layer.weight), *(_stamp(state) for state in states(self.optimizer, layer.weight))]


def _stamp(tensor: Tensor) -> Stamp:
    return tensor.data_ptr(), tensor._version
