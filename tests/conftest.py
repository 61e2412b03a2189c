"""What tests of several rooms need: small images, and one thread per process."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded: the tests run in several processes
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of which would compile its modules anew

import numpy as np
import pytest


@pytest.fixture
def images() -> np.ndarray:
    """Six images with smooth areas, edges and noise; uint8 [6, 32, 32, 3]."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:32, 0:32]
    base = 120 + 70 * np.sin(x / 5 + np.arange(6)[:, None, None]) + 40 * (y > 15)
    picture = base[..., None] * np.array([1.0, 0.8, 0.6]) + rng.normal(0, 10, (6, 32, 32, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)
