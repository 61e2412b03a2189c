import numpy as np
import pandas as pd
import pytest

from dst_robustness.analysis.weights import (
    kernel_counts,
    layer_table,
    mask_overlap,
    weight_summary,
    write_weight_tables,
)

# Two output and three input channels with kernels of two weights.
WEIGHT = np.array([[[1, 0], [0, 0], [2, 3]], [[0, 0], [0, 0], [0, 4]]], dtype=np.float32)


def test_kernel_counts_by_hand():
    """Non-zeros of each (output, input) kernel."""
    assert kernel_counts(WEIGHT).tolist() == [[1, 0, 2], [0, 0, 1]]
    assert kernel_counts(np.eye(2)).tolist() == [[1, 0], [0, 1]]


def test_layer_table_by_hand():
    """Three of six kernels are empty, and of the channels one input."""
    (row,) = layer_table({"conv": WEIGHT}).to_dict("records")
    assert row == {
        "layer": "conv", "weights": 12, "nonzeros": 4, "kernels": 6, "empty_kernels": 3, "output_channels": 2,
        "empty_output_channels": 0, "input_channels": 3, "empty_input_channels": 1,
    }  # fmt: skip


def test_mask_overlap_by_hand():
    """Masks 1100 and 1010: one common of three; by chance 1 of 3 as well. Dense layers do not count."""
    dense = np.ones((2, 2))
    one, other = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 1, 0]])
    assert mask_overlap({"a": one, "b": dense}, {"a": other, "b": dense}) == pytest.approx((1 / 3, 1 / 3))
    assert mask_overlap({"a": one}, {"a": 5 * one}) == pytest.approx((1.0, 1 / 3))
    assert mask_overlap({"b": dense}, {"b": dense}) == (1.0, 1.0)
    with pytest.raises(ValueError, match="layer 'a' has no counterpart"):
        mask_overlap({"a": one}, {"a": np.eye(2)})


def test_tables_of_stored_networks(tmp_path):
    """Pairs that differ in the seed alone or in the method alone are compared; biases and other shapes are not."""
    torch = pytest.importorskip("torch")
    folders = [tmp_path / f"d_m/{method}/0.5/seed{seed}" for method in ("rigl", "set") for seed in (0, 1)]
    for index, folder in enumerate(folders):
        folder.mkdir(parents=True)
        weight = torch.zeros(2, 2)
        weight.view(-1)[[0, index]] = 1
        torch.save({"fc.weight": weight, "fc.bias": torch.ones(2)}, folder / "model.pt")
    # An active weight that happens to be zero is known from the mask.
    torch.save({"fc.weight": torch.tensor([[True, True], [False, False]])}, folders[0] / "masks.pt")
    small = tmp_path / "d_m/dense_small/0.5/seed0"
    small.mkdir(parents=True)
    torch.save({"fc.weight": torch.ones(1, 1)}, small / "model.pt")
    write_weight_tables(
        [*folders, small, tmp_path / "d_m/dense/0/seed0"], tmp_path / "layers.csv", tmp_path / "overlap.csv"
    )
    assert len((tmp_path / "layers.csv").read_text().splitlines()) == 6
    lines = (tmp_path / "overlap.csv").read_text().splitlines()[1:]
    assert [(*line.split(",")[4:8], round(float(line.split(",")[8]), 3)) for line in lines] == [
        ("rigl", "0", "rigl", "1", 1.0), ("rigl", "0", "set", "0", 0.333), ("rigl", "1", "set", "1", 0.333),
        ("set", "0", "set", "1", 0.333),
    ]  # fmt: skip


def test_weight_summary_by_hand():
    """Layers and seeds are summed before dividing; a pair of methods counts for both; dense has no row."""
    names = ["scenario", "dataset", "model", "sparsity", "method", "seed"]
    counts = {"weights": 10, "kernels": 4, "empty_kernels": 1, "output_channels": 2, "empty_output_channels": 0,
              "input_channels": 2, "empty_input_channels": 1}  # fmt: skip
    layers = pd.DataFrame(
        [("s", "d", "m", 0.5, "set", 0, 4), ("s", "d", "m", 0.5, "set", 1, 6), ("s", "d", "m", 0.5, "rigl", 0, 5),
         ("s", "d", "m", 0.0, "dense", 0, 10)],
        columns=[*names, "nonzeros"],
    ).assign(**counts)  # fmt: skip
    overlaps = pd.DataFrame(
        [("s", "d", "m", 0.5, "set", 0, "set", 1, 0.4, 0.3), ("s", "d", "m", 0.5, "set", 0, "rigl", 0, 0.6, 0.2)],
        columns=[*names, "other_method", "other_seed", "overlap", "overlap_by_chance"],
    )
    found = weight_summary(layers, overlaps).set_index("method")
    assert set(found.index) == {"set", "rigl"}
    shares = ["density", "empty_kernels", "empty_output_channels", "empty_input_channels"]
    assert found.loc["set", shares].tolist() == [0.5, 0.25, 0.0, 0.5]
    assert found.loc["set", ["overlap_of_seeds", "chance_of_seeds", "overlap_of_methods"]].tolist() == [0.4, 0.3, 0.6]
    assert found.loc["rigl", ["overlap_of_methods", "chance_of_methods"]].tolist() == [0.6, 0.2]
    assert np.isnan(found.loc["rigl", "overlap_of_seeds"])
