"""How a network is trained: the values of the configuration's ``training``, typed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingOptions:
    """Options of one training; the configuration's schema explains each and holds the defaults."""

    epochs: int
    batch_size: int
    gradient_accumulation: int
    optimizer: str
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    warmup_epochs: float
    label_smoothing: float
    gradient_clipping: float
    weight_averaging: float
    augmentation: str
    mixing: str
    precision: str
    compile: bool
    checkpoint_seconds: float
