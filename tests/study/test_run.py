"""Networks that are shared, not trained again."""

import json
from pathlib import Path

from dst_robustness.study.run import Run, share_network


def test_a_shared_network_has_the_names_of_the_run_that_takes_it(tmp_path: Path) -> None:
    """Weights are the same bytes; run.json says which data set they are tested on."""
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "run.json").write_text(json.dumps({"scenario": "clean", "dataset": "cifar10", "parameters": 7}))
    run = Run("published", "cifar10_c", "resnet8", "rigl", 0.5, 1)
    share_network([tmp_path / "model.pt", tmp_path / "run.json"], tmp_path / run.folder, run)
    assert (tmp_path / "runs/published/rigl/0.5/seed1/model.pt").read_bytes() == b"weights"
    described = json.loads((tmp_path / "runs/published/rigl/0.5/seed1/run.json").read_text())
    assert (described["scenario"], described["dataset"], described["parameters"]) == ("published", "cifar10_c", 7)
