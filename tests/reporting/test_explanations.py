import json

import numpy as np
import pandas as pd

from dst_robustness.reporting.explanations import attribution_sentences, explanation_table
from dst_robustness.reporting.figures import write_figure

ROWS = pd.DataFrame(
    {
        "scenario": "digits", "method": ["dense", "rigl"], "sparsity": [0.0, 0.5], "trained_here": True,
        "verdict": ["baseline", "holds"],
        "noise_minus_blur": [np.nan, 0.012], "noise_minus_blur_low": [np.nan, -0.001],
        "noise_minus_blur_high": [np.nan, 0.025], "frequency_slope": np.nan, "effective_robustness": np.nan,
    }
)  # fmt: skip


def test_only_columns_that_are_there_are_shown():
    """A study without frequencies and with one dense network has one explanation, and no row for the baseline."""
    table = explanation_table(ROWS)
    assert table.header == ["scenario", "method", "sparsity", "noise - blur"]
    assert table.rows == [["digits", "RigL", "0.5", "+1.20 [-0.10, +2.50]"]]
    assert explanation_table(ROWS.assign(noise_minus_blur=np.nan)) is None


def test_sentences_of_the_ladder(tmp_path):
    """Read as they were written, and none where nothing was attributed."""
    assert attribution_sentences(tmp_path, {}) == []
    (tmp_path / "attribution.json").write_text(json.dumps([{"scenario": "digits", "sentence": "RigL adds."}]))
    assert attribution_sentences(tmp_path, {"digits": "digits, ResNet8"}) == ["digits, ResNet8: RigL adds."]


def test_waterfall_of_a_ladder_and_of_none(tmp_path):
    """With steps there is a panel, without there is a figure that says which controls are missing."""
    (tmp_path / "summary.csv").write_text(
        "scenario,dataset,model,method,sparsity,gain,gain_low,gain_high,margin,verdict,trained_here\n"
        "d,d,m,dense,0,0,,,0.005,baseline,True\nd,d,m,rigl,0.5,0.008,-0.01,0.03,0.005,undecided,True\n"
    )
    header = "scenario,method,sparsity,step,difference,low,high,seeds\n"
    for rows in ("", "d,rigl,0.5,capacity+sparsity,0.01,0,0.02,3\nd,rigl,0.5,dynamics,-0.002,-0.01,0.01,3\n"):
        (tmp_path / "attribution.csv").write_text(header + rows)
        paths = write_figure("attribution", tmp_path, tmp_path / f"figure{len(rows)}")
        assert all(path.stat().st_size > 1000 for path in paths)
