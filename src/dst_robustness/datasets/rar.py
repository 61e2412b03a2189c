"""Unpacking by another name: RAR is one of the formats of ``archives.extract``."""

from dst_robustness.datasets.archives import extract as unpack

__all__ = ["unpack"]
