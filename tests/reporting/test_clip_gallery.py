"""The sheet of frame strips is written whole, for the rows that are asked for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("matplotlib")

from dst_robustness.reporting.clip_gallery import draw_clip_gallery


def test_a_row_a_corruption_and_the_clean_clip_first(tmp_path: Path) -> None:
    """More rows make a taller sheet; something is drawn; an unknown corruption leaves no file."""
    clip = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    heights = []
    for names in (["shot_noise"], ["shot_noise", "freeze", "h264_crf"]):
        draw_clip_gallery(clip, tmp_path / "sheet.png", names=names, severities=(1, 5), frames=3)
        picture = cv2.imread(str(tmp_path / "sheet.png"))
        assert picture.std() > 20
        heights.append(picture.shape[0])
    assert heights[1] > heights[0]
    with pytest.raises(ValueError, match="unknown corruption of clips 'snow'"):
        draw_clip_gallery(clip, tmp_path / "none.png", names=["snow"])
    assert not (tmp_path / "none.png").exists()
