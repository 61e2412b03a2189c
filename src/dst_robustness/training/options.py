"""The options of a training: the values of ``training`` in the configuration."""

from dst_robustness.study.options import Training as TrainingOptions

__all__ = ["TrainingOptions"]
