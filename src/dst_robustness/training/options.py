"""How a network is trained: the values of the configuration's ``training``."""

from dst_robustness.study.options import Training as TrainingOptions

__all__ = ["TrainingOptions"]
