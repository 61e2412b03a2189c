"""The constants of the two video benchmarks: one row per corruption, one entry per severity 1-5.

Lengths are in pixels of a 224-pixel frame unless a comment says otherwise. Strengths are in units of the [0, 1] image.
A corruption without a row has lengths that fit one frame size only. It takes the constants of the image benchmark for
the size of the clip (``dst_robustness.corruptions.parameters``). For 224 pixels these are the video benchmark's own.
"""

from __future__ import annotations

from dst_robustness.corruptions.parameters import Severities

# Yi et al., "Benchmarking the Robustness of Spatial-Temporal Models Against Corruptions" (NeurIPS 2021 Datasets and
# Benchmarks, https://arxiv.org/abs/2110.06513), Mini Kinetics-C and Mini SSV2-C.
KINETICS_C: dict[str, Severities] = {
    # photons at full brightness
    "shot_noise": ((60,), (25,), (12,), (5,), (3,)),
    # half the window in frames: of Kinetics (about 300 frames a video), of SSV2 (about 45)
    "motion_blur": ((3, 1), (5, 2), (7, 3), (9, 4), (11, 6)),
    # pixels per drop, length of a drop, contrast kept
    "rain": ((770, 10, 0.8), (770, 30, 0.8), (770, 60, 0.7), (500, 60, 0.6), (400, 80, 0.5)),
    # added to the value of HSV
    "brightness": ((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
    # factor; milder than on images
    "contrast": ((0.5,), (0.4,), (0.3,), (0.2,), (0.1,)),
    # factor of the saturation of HSV, added to it
    "saturate": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
    # share of packets lost
    "packet_loss": ((0.01,), (0.02,), (0.03,), (0.04,), (0.06,)),
    # bytes per damaged byte
    "bit_error": ((100_000,), (50_000,), (30_000,), (20_000,), (10_000,)),
    # share of frames kept: of Kinetics (20 16 12 9 6 of 25 frames a second), of SSV2 (10 8 6 4 2 of 12)
    "frame_rate": ((20 / 25, 10 / 12), (16 / 25, 8 / 12), (12 / 25, 6 / 12), (9 / 25, 4 / 12), (6 / 25, 2 / 12)),
    # constant rate factor
    "h264_crf": ((23,), (30,), (37,), (44,), (51,)),
    "h265_crf": ((27,), (33,), (39,), (45,), (51,)),
    # divisor of the bit rate
    "h264_abr": ((2,), (4,), (8,), (16,), (32,)),
    "h265_abr": ((2,), (4,), (8,), (16,), (32,)),
}

# Schiappa et al., "A Large-Scale Robustness Analysis of Video Action Recognition Models" (CVPR 2023,
# https://arxiv.org/abs/2207.01398), UCF101-P, HMDB51-P, Kinetics400-P and SSv2-P.
UCF101_P: dict[str, Severities] = {
    # standard deviation
    "gaussian_noise": ((0.08,), (0.12,), (0.18,), (0.26,), (0.38,)),
    # photons at full brightness
    "shot_noise_p": ((250,), (100,), (50,), (30,), (15,)),
    # share of values hit
    "impulse_noise": ((0.03,), (0.06,), (0.09,), (0.17,), (0.27,)),
    # standard deviation
    "speckle_noise": ((0.15,), (0.2,), (0.25,), (0.3,), (0.35,)),
    # quantiser scale 1-31; the published code has no MPEG, so these ten are this project's choice
    "mpeg1": ((4,), (8,), (16,), (24,), (31,)),
    "mpeg2": ((4,), (8,), (16,), (24,), (31,)),
    # degrees
    "static_rotate": ((7.5,), (15,), (30,), (45,), (90,)),
    # largest angle in degrees
    "rotate": ((7,), (13,), (19,), (25,), (31,)),
    # number of places where the crop can start along an axis, in pixels of a 256-pixel frame
    "translate": ((8,), (16,), (24,), (32,), (40,)),
    # frames from one kept to the next
    "sampling": ((2,), (4,), (8,), (16,), (32,)),
    "reverse_sampling": ((2,), (4,), (8,), (16,), (32,)),
    # frames in a segment that is shuffled
    "jumble": ((32,), (16,), (8,), (4,), (2,)),
    # frames in a segment that keeps its order
    "box_jumble": ((4,), (9,), (16,), (25,), (36,)),
    # share of frames kept, at least that many
    "freeze": ((0.4, 1), (0.2, 1), (0.1, 1), (0.05, 2), (0, 1)),
}
