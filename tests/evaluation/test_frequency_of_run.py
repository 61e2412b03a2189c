import json

import numpy as np
import pandas as pd
import pytest

from dst_robustness.sets.storage import create_hdf5, write_samples

torch = pytest.importorskip("torch")


def test_a_stored_network_is_measured_from_its_files(tmp_path):
    """The whole image within the largest radius is the clean image: its accuracy is the clean accuracy."""
    from dst_robustness.evaluation.frequency_of_run import measure_run
    from dst_robustness.models import build_model

    torch.manual_seed(0)
    network = build_model("resnet8", 4, image_size=16, width=0.5)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    described = {"model": "resnet8", "num_classes": 4, "image_size": 16, "width": 0.5}
    (tmp_path / "run.json").write_text(json.dumps(described))
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    pixels = torch.from_numpy(images).movedim(-1, 1).float() / 255
    with torch.inference_mode():
        answers = network.eval()((pixels - 0.5) / 0.25).argmax(1).numpy()
    with create_hdf5(tmp_path / "test.h5", mean=[0.5] * 3, std=[0.25] * 3) as file:
        write_samples(file, [images], np.where(np.arange(8) < 6, answers, (answers + 1) % 4))
    files = [tmp_path / name for name in ("model.pt", "run.json", "test.h5", "radius.csv", "fourier.csv")]
    measure_run(*files, precision="float32", size=2)
    radii = pd.read_csv(tmp_path / "radius.csv")
    assert radii[radii["kept"] == "low"]["accuracy"].iloc[-1] == 0.75
    assert len(pd.read_csv(tmp_path / "fourier.csv")) == 5
