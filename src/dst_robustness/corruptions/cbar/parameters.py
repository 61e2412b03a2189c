"""The constants of C-bar: one table per family, one row per corruption, one entry per severity 1-5.

They come from Mintun, Kirillov & Xie, "On Interaction Between Augmentations and Corruptions in Natural Corruption
Robustness" (NeurIPS 2021, https://arxiv.org/abs/2102.11273), as published for CIFAR-10-C-bar (32 pixels) and
ImageNet-C-bar (224 pixels), ten corruptions each. All are amounts on the authors' scale of 0 to 10. The function of the
same name says what an amount of 10 does.
"""

from __future__ import annotations

from dst_robustness.corruptions.parameters import Severities

CIFAR: dict[str, Severities] = {
    "blue_noise_sample": ((0.7,), (1.4,), (2.1,), (3.5,), (4.2,)),
    "brownish_noise": ((2.5,), (4,), (5.5,), (6.5,), (7,)),
    "checkerboard_cutout": ((1,), (2,), (3,), (4,), (5,)),
    "inverse_sparkles": ((1,), (1.5,), (2.5,), (4.5,), (5,)),
    "sparkles": ((0.7,), (3.5,), (5.6,), (6.3,), (7,)),
    "circular_motion_blur": ((2.8,), (3.6,), (4.4,), (5.2,), (6,)),
    "lines": ((0.5,), (1,), (1.5,), (2,), (2.5,)),
    "pinch_and_twirl": ((5.5,), (6,), (6.5,), (8.5,), (10,)),
    "ripple": ((5.5,), (6,), (6.5,), (7.5,), (8,)),
    "transverse_chromatic_abberation": ((1,), (2,), (5,), (9,), (10,)),
}

IMAGENET: dict[str, Severities] = {
    "blue_noise_sample": ((0.8,), (1.6,), (2.4,), (4,), (5.6,)),
    "brownish_noise": ((1,), (2,), (3,), (4,), (5,)),
    "checkerboard_cutout": ((2,), (3,), (4,), (5,), (6,)),
    "inverse_sparkles": ((1,), (2,), (4,), (9,), (10,)),
    "sparkles": ((1,), (2,), (3,), (5,), (6,)),
    "caustic_refraction": ((2.35,), (3.2,), (4.9,), (6.6,), (9.15,)),
    "cocentric_sine_waves": ((3,), (5,), (8,), (9,), (10,)),
    "perlin_noise": ((4.6,), (5.2,), (5.8,), (7.6,), (8.8,)),
    "plasma_noise": ((4.75,), (7,), (8.5,), (9.25,), (10,)),
    "single_frequency_greyscale": ((1,), (1.5,), (2,), (4.5,), (5,)),
}

FAMILIES: dict[str, dict[str, Severities]] = {"cifar": CIFAR, "imagenet": IMAGENET}
