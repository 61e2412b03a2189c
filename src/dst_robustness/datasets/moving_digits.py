"""Real handwritten digits that move over textured backgrounds. The class is the motion, and only the motion.

Every clip shows a digit at the same T places around a circle. The class is the order of the places. So single frames,
and the set of all frames, look alike in all eight classes, and only time tells them apart. Each frame is coded alone at
a constant quantiser (H.264, intra only), so that not even the compression depends on the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dst_robustness.datasets.digits import all_scans
from dst_robustness.datasets.video_folder import VideoSpec, read_video_folder

FRAMES = 16
SIZE = 64  # side of the videos in pixels; the set is stored at half of it, since real videos are made smaller too
FRAMES_PER_SECOND = 25
QUANTISER = 24
DIGIT_SIDE = 26

_STEPS = np.arange(FRAMES)
_SWING = np.concatenate([_STEPS[::2], _STEPS[::-2]])
_LEAP = _STEPS // 2 + FRAMES // 2 * (_STEPS % 2)
# The places around the circle in the order of each class; every one is a permutation of 0..15.
MOTIONS: dict[str, np.ndarray] = {
    "circle": _STEPS,
    "circle_back": -_STEPS % FRAMES,
    "three_turns": 3 * _STEPS % FRAMES,
    "three_turns_back": -3 * _STEPS % FRAMES,
    "swing": _SWING,
    "swing_back": -_SWING % FRAMES,
    "leap": _LEAP,
    "leap_back": -_LEAP % FRAMES,
}


@dataclass(frozen=True)
class Scene:
    """Everything in a clip except the order of its frames.

    Attributes:
        digit: opacity of the digit, float32 [DIGIT_SIDE, DIGIT_SIDE] in [0, 1].
        colour: colour of the digit, float32 [3] in [0, 255].
        background: float32 [SIZE, SIZE, 3] in [0, 255].
        centre: centre of the circle (x, y) in pixels.
        radius: radius of the circle in pixels.
        phase: angle of place 0 in radians.
    """

    digit: np.ndarray
    colour: np.ndarray
    background: np.ndarray
    centre: np.ndarray
    radius: float
    phase: float


def draw_scene(scan: np.ndarray, generator: np.random.Generator) -> Scene:
    """Draw a scene for one digit scan float [8, 8] in [0, 16]. It does not depend on the class."""
    digit = cv2.resize(scan.astype(np.float32) / 16, (DIGIT_SIDE, DIGIT_SIDE), interpolation=cv2.INTER_CUBIC)
    background = texture(generator)
    bright = background.mean() < 128
    colour = generator.uniform(170, 255, 3) if bright else generator.uniform(0, 85, 3)
    return Scene(
        digit=np.clip(digit, 0, 1),
        colour=colour.astype(np.float32),
        background=background,
        centre=generator.uniform(SIZE / 2 - 4, SIZE / 2 + 4, 2),
        radius=generator.uniform(13, 19),
        phase=generator.uniform(0, 2 * np.pi),
    )


def texture(generator: np.random.Generator, size: int = SIZE) -> np.ndarray:
    """Draw a colour texture with the 1/f amplitude spectrum of natural images, float32 [size, size, 3] in 0..255.

    Source: Field, "Relations between the statistics of natural images and the response properties of cortical cells",
    1987.
    """
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1  # the mean is set below
    noise = np.fft.rfft2(generator.standard_normal((4, size, size))) / frequency
    noise[:, 0, 0] = 0
    layers = np.fft.irfft2(noise, s=(size, size))
    layers /= layers.std(axis=(1, 2), keepdims=True)
    # The channels share one pattern and each has its own: natural textures vary more in brightness than in colour.
    pattern = 0.9 * layers[0] + 0.44 * layers[1:]
    picture = generator.uniform(70, 185) + generator.uniform(15, 40) * np.moveaxis(pattern, 0, -1)
    return np.clip(picture, 0, 255).astype(np.float32)


def render(scene: Scene, order: np.ndarray) -> np.ndarray:
    """Draw the clip that visits the places of a scene in this order, uint8 [T, H, W, 3] RGB."""
    angles = scene.phase + 2 * np.pi * order / FRAMES
    places = scene.centre + scene.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    frames = np.empty((len(order), SIZE, SIZE, 3), np.uint8)
    for frame, (x, y) in zip(frames, places - (DIGIT_SIDE - 1) / 2, strict=True):
        shift = np.array([[1, 0, x], [0, 1, y]], np.float64)
        opacity = cv2.warpAffine(scene.digit, shift, (SIZE, SIZE), flags=cv2.INTER_LINEAR)[..., None]
        frame[:] = np.rint(scene.background * (1 - opacity) + scene.colour * opacity)
    return frames


def write_videos(folder: str | Path, *, train_clips: int = 304, test_clips: int = 304, seed: int = 0) -> None:
    """Write the two splits as ``{folder}/{train,test}/{motion}/{number}.mp4``, H.264, T = 16 frames of 64 x 64.

    The sizes of the classes differ by at most one clip, and no scan of a digit is in both splits.
    """
    scans = np.random.default_rng(seed).permutation(all_scans()[0])
    halves = np.array_split(scans, 2)
    for number, (split, count) in enumerate((("train", train_clips), ("test", test_clips))):
        for index in range(count):
            generator = np.random.default_rng([seed, number, index])
            scene = draw_scene(generator.choice(halves[number]), generator)
            motion = list(MOTIONS)[index % len(MOTIONS)]
            write_h264(Path(folder, split, motion, f"{index:04d}.mp4"), render(scene, MOTIONS[motion]))


def write_h264(path: Path, clip: np.ndarray) -> None:
    """Write a clip uint8 [T, H, W, 3] with even sides as MP4 (H.264, 4:2:0, every frame coded on its own)."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        options = {"qp": str(QUANTISER), "g": "1", "threads": "1", "preset": "superfast"}
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


MOVING_DIGITS = VideoSpec(
    name="moving_digits",
    kind="clips",
    classes=tuple(MOTIONS),
    image_size=SIZE // 2,
    mean=(0.494,) * 3,
    std=(0.172,) * 3,
    read=read_video_folder,
    make=write_videos,
    frames=FRAMES,
    damaged_limit=0,
    flip_ok=False,  # a mirrored circle runs the other way
    licence="CC BY 4.0 (the digits)",
    citation="Alpaydin and Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998",
)
