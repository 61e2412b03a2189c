"""The order of the training samples."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dst_robustness.sets.storage import create_hdf5, write_samples
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
    """Sets that do not fit into memory are read by threads, in the same order."""
    resident = SampleSet(splits / "train.h5", CPU)
    streamed = SampleSet(splits / "train.h5", CPU, resident_bytes=0)
    assert streamed.resident is None
    for one, other in zip(
        resident.shuffled(16, seed=0, epoch=1, start=1), streamed.shuffled(16, seed=0, epoch=1, start=1), strict=True
    ):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_a_choice_of_samples_is_nested_and_keeps_each_label_with_its_sample(splits: Path) -> None:
    """Studies of the training size compare networks: 10 samples lie within 20, whichever way they are read."""
    whole = SampleSet(splits / "train.h5", CPU)
    rows = {count: set(SampleSet(splits / "train.h5", CPU, samples=count).rows.tolist()) for count in (10, 20)}
    assert rows[10] < rows[20] < set(range(len(whole)))
    for resident_bytes in (1e9, 0):
        data = SampleSet(splits / "train.h5", CPU, samples=10, resident_bytes=resident_bytes)
        assert (len(data), data.origin["samples"], data.steps_per_epoch(4)) == (10, 10, 3)
        for batches in (data.shuffled(4, seed=0, epoch=0), data.in_order(4)):
            samples, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
            found = [(whole.resident == sample).flatten(1).all(1).nonzero()[0, 0] for sample in samples]
            assert {int(row) for row in found} == rows[10]
            assert torch.equal(whole.labels[torch.stack(found)], labels)
    with pytest.raises(ValueError, match=r"training.train_samples is 99; .*train.h5 holds 40"):
        SampleSet(splits / "train.h5", CPU, samples=99)


STREAM = """
import resource, sys
import torch
from dst_robustness.training.data import SampleSet
data = SampleSet(sys.argv[1], torch.device("cpu"), resident_bytes=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
print(sum(len(labels) for _, labels in data.shuffled(16, seed=0, epoch=0)))
"""


def test_streaming_needs_no_shared_memory(splits: Path) -> None:
    """Containers give 64 MB of /dev/shm: a loader that fills it waits for ever. Here no file at all may grow."""
    command = [sys.executable, "-c", STREAM, str(splits / "train.h5")]
    result = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "3"}, timeout=60
    )
    assert (result.returncode, result.stdout) == (0, "40\n"), result.stderr


def test_pictures_of_jpeg_stream_in_the_same_order(tmp_path: Path) -> None:
    """Each label keeps its image, whatever thread decodes it."""
    labels = np.arange(20)
    pictures = np.broadcast_to(10 * labels[:, None, None, None], (20, 8, 8, 3)).astype(np.uint8)
    attributes = {"classes": json.dumps(list(map(str, range(20)))), "mean": [0.5] * 3, "std": [0.5] * 3}
    with create_hdf5(tmp_path / "train.h5", **attributes) as file:
        write_samples(file, [pictures], labels, jpeg_quality=95)
    data = SampleSet(tmp_path / "train.h5", CPU, resident_bytes=0)
    for samples, answers in data.shuffled(6, seed=0, epoch=0):
        torch.testing.assert_close(samples[:, 0, 0, 0].long(), 10 * answers, atol=2, rtol=0)


def test_larger_training_pictures_are_scaled_to_the_tested_size() -> None:
    """A flat image stays flat; one of the right size is left alone, pixel for pixel."""
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
