"""A study in one file, and a fresh clone that goes on from it."""

import shutil
import subprocess
import tarfile

import yaml

from dst_robustness.reporting.figures import figures_of
from dst_robustness.reporting.write_tables import TABLES

FIGURES = figures_of(trained=True, taken=False, controls=False)
SUMMARY = {"summarise": 1, "draw_figure": len(FIGURES), "write_report": 1}


def test_a_fresh_clone_goes_on_from_an_archive(study, tmp_path_factory) -> None:
    """By the commands of its own README: finished networks are not trained again, new ones are."""
    study.run("archive")
    packed = study.folder / "results/config.tar"
    with tarfile.open(packed) as archive:
        names = set(archive.getnames())
        about = archive.extractfile("README.md").read().decode()
    assert {f"results/config/tables/{name}.tex" for name in TABLES} <= names
    assert {
        f"results/config/runs/digits_resnet8/rigl/0.5/seed0/{name}" for name in ("model.pt", "predictions.h5")
    } <= names
    assert {"configuration.yaml", "results/config/report.html", "results/config/figures/gains.pdf"} <= names

    create = type(study).create
    clone = create(tmp_path_factory.mktemp("clone"), {})
    (clone.folder / "config.yaml").unlink()
    shutil.copy(packed, clone.folder)
    commands = [line.split() for line in about.split("## Go on with it")[1].splitlines() if line.startswith("    ")]
    unpack, make_data, unpack_all, last = commands[:4]
    subprocess.run(unpack, cwd=clone.folder, check=True)
    clone.run(*make_data[1:])
    subprocess.run(unpack_all, cwd=clone.folder, check=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=clone.folder, check=True)
    assert clone.planned(*last[1:]) == SUMMARY

    target = clone.folder / "configuration.yaml"
    target.write_text(yaml.safe_dump(yaml.safe_load(target.read_text()) | {"seeds": [0, 1]}))
    assert clone.planned(*last[1:]) == {"train_run": 2, "evaluate_run": 2, **SUMMARY}
