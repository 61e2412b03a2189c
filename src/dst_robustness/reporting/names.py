"""How methods are written in figures, tables and on the terminal."""

from dst_robustness.sparsity import METHODS


def method_name(method: str) -> str:
    """Return the label of a registered method; another name, as that of a variant, is written as the study wrote it."""
    return METHODS[method].label if method in METHODS else method
