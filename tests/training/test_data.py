"""The order of the training samples."""

from pathlib import Path

import torch

from dst_robustness.training.data import SampleSet, fit, normalise

CPU = torch.device("cpu")


def test_order_depends_on_seed_and_epoch_alone(splits: Path) -> None:
    """Every run of one seed sees the same batches; a resumed epoch goes on with the batch it stopped at."""
    data = SampleSet(splits / "train.h5", CPU)
    whole = [labels for _, labels in data.shuffled(16, seed=1, epoch=2)]
    again = [labels for _, labels in data.shuffled(16, seed=1, epoch=2, start=1)]
    other = [labels for _, labels in data.shuffled(16, seed=1, epoch=3)]
    assert [len(labels) for labels in whole] == [16, 16, 8]
    assert all(torch.equal(a, b) for a, b in zip(whole[1:], again, strict=True))
    assert not torch.equal(whole[0], other[0])


def test_processes_share_each_batch(splits: Path) -> None:
    """Two processes together see what one would see, in every batch."""
    data = SampleSet(splits / "train.h5", CPU)
    whole = list(data.shuffled(16, seed=0, epoch=0))
    parts = [list(data.shuffled(16, seed=0, epoch=0, rank=rank, processes=2)) for rank in (0, 1)]
    for step, (samples, _) in enumerate(whole):
        together = torch.stack([parts[0][step][0], parts[1][step][0]], dim=1).flatten(0, 1)
        assert torch.equal(together, samples)


def test_streamed_samples_are_the_resident_ones(splits: Path) -> None:
    """Sets that do not fit into memory are read by worker processes, in the same order."""
    resident = SampleSet(splits / "train.h5", CPU)
    streamed = SampleSet(splits / "train.h5", CPU, resident_bytes=0)
    assert streamed.resident is None
    for one, other in zip(
        resident.shuffled(16, seed=0, epoch=1, start=1), streamed.shuffled(16, seed=0, epoch=1, start=1), strict=True
    ):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_larger_training_pictures_are_scaled_to_the_tested_size() -> None:
    """A flat picture stays flat; one of the right size is left alone, pixel for pixel."""
    flat = torch.full((2, 3, 8, 8), 7, dtype=torch.uint8)
    assert torch.allclose(fit(flat, 4), torch.full((2, 3, 4, 4), 7.0))
    assert fit(torch.zeros(1, 3, 5, 8, 8), 4).shape == (1, 3, 5, 4, 4)
    assert fit(flat, 8) is flat


def test_a_last_batch_of_one_sample_is_left_out(splits: Path) -> None:
    """Batch statistics of one sample are none."""
    data = SampleSet(splits / "train.h5", CPU)
    assert data.steps_per_epoch(13) == 3
    assert data.samples_per_epoch(13) == 39
    assert data.steps_per_epoch(16) == 3
    assert data.samples_per_epoch(16) == 40


def test_pixels_are_normalised_by_channel() -> None:
    """(x / 255 - mean) / std."""
    batch = torch.tensor([0, 255, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    mean = torch.tensor([0.0, 0.5, 0.1]).view(1, 3, 1, 1)
    result = normalise(batch, mean, torch.full((1, 3, 1, 1), 0.5), torch.channels_last)
    torch.testing.assert_close(result.flatten(), torch.tensor([0.0, 1.0, 0.2]))
