"""The presets: they plan the right jobs, say what they must, and their kinds of data go through the real workflow."""

import hashlib
import http.server
import io
import tarfile
import threading
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.io import savemat

from dst_robustness.datasets.imagenet import DEVKIT, META, TRAIN_TAR, TRUTH, VAL_TAR
from dst_robustness.study.configuration import read_study
from dst_robustness.study.grid import read_scenarios
from dst_robustness.study.smoke import shrink
from dst_robustness.study.whole import read_whole

PROJECT = Path(__file__).parents[2]
PRESETS = sorted(PROJECT.glob("config/*.yaml"))
SINGLE = (
    "cifar10", "cifar100", "tiny_imagenet", "imagenet", "imagenet_c_bar", "imagenet_3dcc", "imagenet_deit",
    "ucf101_r3d50", "ucf101_i3d",
)  # fmt: skip
METHODS = 8  # with dense
NAMES = ["gaussian_noise", "contrast"]


def preset(name: str) -> dict:
    return yaml.safe_load((PROJECT / f"config/{name}.yaml").read_text())


def scenarios(name: str) -> dict:
    return read_scenarios(read_study(preset(name)))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_states_its_grid(path: Path) -> None:
    """A reader sees what will be trained without knowing the defaults."""
    config = yaml.safe_load(path.read_text())
    assert {"methods", "sparsities", "scenarios"} <= set(config)
    assert config.keys() & {"seeds", "decide"}
    assert path.read_text().startswith("# yaml-language-server: $schema=../workflow/schemas/config.schema.yaml") or (
        path.stem == "smoke"
    )


@pytest.mark.parametrize("path", sorted(PROJECT.glob("docs/results/map/*.yaml")), ids=lambda path: path.stem)
def test_a_published_study_can_be_read(path: Path) -> None:
    """The commands of docs/results.md lay these files over the preset of the map."""
    study = read_study(preset("cifar10_map") | yaml.safe_load(path.read_text()))
    assert all(scenario.runs for scenario in read_scenarios(study).values())


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_shrinks_to_a_smoke_study(path: Path) -> None:
    """Two networks a scenario, small ones, on two corruptions, in folders of its own."""
    study = read_study(preset(path.stem))
    small_study, small, _ = shrink(study, read_scenarios(study), {})
    assert small_study.results_dir == study.results_dir + "_smoke"
    for scenario in small.values():
        assert scenario.model in {"resnet8", "deit_tiny", "r3d_tiny"}
        assert len(scenario.runs) == len(scenario.corruptions) == 2
        assert scenario.training.epochs == 1
        assert small_study.datasets[scenario.trained_on].train_samples


@pytest.mark.parametrize(
    ("name", "sparsities", "corruptions", "trained_on"),
    [
        ("cifar10", 5, 19, "cifar10"),
        ("cifar100", 5, 19, "cifar100"),
        ("tiny_imagenet", 5, 19, "tiny_imagenet"),
        ("imagenet", 1, 19, "imagenet"),
        ("imagenet_c_bar", 1, 10, "imagenet"),
        ("imagenet_3dcc", 1, 12, "imagenet"),
        ("imagenet_deit", 1, 19, "imagenet"),
        ("ucf101_r3d50", 1, 32, "ucf101"),
        ("ucf101_i3d", 1, 32, "ucf101"),
    ],
)
def test_a_scenario_of_the_paper_has_its_networks_and_test_sets(
    name: str, sparsities: int, corruptions: int, trained_on: str
) -> None:
    """Dense once and seven methods at every sparsity, three seeds of each."""
    (scenario,) = scenarios(name).values()
    assert scenario.trained_on == trained_on
    assert len(scenario.runs) == 3 * (1 + (METHODS - 1) * sparsities)
    assert len(scenario.corruptions) == corruptions


def test_the_paper_is_its_nine_scenarios() -> None:
    """What is changed in one preset must be changed in paper.yaml too."""
    single = {key: scenario for name in SINGLE for key, scenario in scenarios(name).items()}
    assert scenarios("paper") == single
    assert len(single) == 9


def test_the_imagenet_networks_of_the_paper_are_trained_once() -> None:
    """420 networks; those of ResNet50 on ImageNet are tested on three published sets."""
    whole = read_whole(preset("paper"))
    assert len(whole.runs) == 468
    assert len(whole.shared) == 2 * 24
    assert {name: len(whole.tested[name]) for name in whole.published} == {
        "imagenet_c": 19, "imagenet_c_bar": 10, "imagenet_3dcc": 12,
    }  # fmt: skip
    assert {name: len(whole.tested.get(name, ())) for name in whole.trained} == {
        "cifar10": 19, "cifar100": 19, "tiny_imagenet": 19, "imagenet": 0, "ucf101": 32,
    }  # fmt: skip


def test_a_preset_takes_nothing_from_the_study_of_the_folder(new_study) -> None:
    """One file is one study, wherever it is started: what it does not say has the documented default."""
    (new_study.folder / "short.yaml").write_text("scenarios: [{dataset: digits, model: resnet8}]\n")
    planned = new_study.planned("--configfile", "short.yaml")
    seeds, sparsities, methods = 3, 3, 8
    assert planned["train_run"] == seeds * (1 + (methods - 1) * sparsities)
    assert planned["corrupt_dataset"] == 19


def test_the_embedded_study_runs_in_an_empty_folder(new_study, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As in the container, whose working folder holds no configuration."""
    new_study.write_config(new_study.config() | {"seeds": [0, 1]})
    snakefile = new_study.folder / "Snakefile"
    new_study.folder = tmp_path_factory.mktemp("empty")
    assert new_study.planned("--snakefile", str(snakefile))["train_run"] == 4


def test_print_config_tells_where_each_value_comes_from(new_study) -> None:
    """Defaults, two files and --config, in the order in which they are laid over each other."""
    (new_study.folder / "mine.yaml").write_text("seeds: [3]\nsparse_training: {update_interval: 3}\n")
    layers = ["--configfile", "config.yaml", "mine.yaml", "--config", "training={momentum: 0.8}"]
    output = new_study.run("print_config", "--quiet", "all", *layers)
    told = Counter(tuple(part.strip() for part in line.split("  # ")) for line in output.splitlines() if "  # " in line)
    for line in (
        ("seeds: [3]", "mine.yaml"),
        ("dataset: digits", "config.yaml"),
        ("momentum: 0.8", "--config"),
        ("update_interval: 3", "mine.yaml"),
        ("learning_rate: 0.1", "default"),
    ):
        assert told[tuple(part.strip() for part in line)], (line, output)
    values = yaml.safe_load(output[output.index("results_dir:") :])
    assert values["scenarios"][0]["training"]["momentum"] == 0.8
    assert values["scenarios"][0]["sparse_training"]["update_interval"] == 3


# The kinds of data that the presets start from, made here in miniature, through every step.


def tiny(datasets: dict, *entries: dict) -> dict:
    return {
        "results_dir": "results",
        "resources_dir": "resources",
        "methods": ["dense"],
        "seeds": [0],
        "datasets": datasets,
        "training": {"epochs": 1, "batch_size": 4},
        "scenarios": list(entries),
    }


def picture(label: int, side: int = 40, ending: str = ".jpg") -> bytes:
    rng = np.random.default_rng(label)
    pixels = rng.integers(60 * label, 60 * label + 60, (side, side + 8, 3), dtype=np.uint8)
    return cv2.imencode(ending, pixels)[1].tobytes()


def tar(path: Path | None, members: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    if path is not None:
        path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return "md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest()


def check_tables(study, datasets: list[str], corruptions: int) -> None:
    """One row a data set, one cell a corruption and severity beside the clean one, all from real predictions."""
    summary = pd.read_csv(study.folder / "results/tables/summary.csv")
    assert sorted(summary["dataset"]) == sorted(datasets)
    cells = pd.read_csv(study.folder / "results/tables/corruptions.csv")
    assert len(cells) == len(datasets) * (1 + 5 * corruptions)
    assert cells["accuracy"].between(0, 1).all()


def run_to_tables(study) -> str:
    """Figures are the same for all data and tested elsewhere."""
    return study.run("results/tables/summary.csv")


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """A folder and the address at which it is served over HTTP."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path_factory.mktemp("site")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_cifar10_from_an_archive_in_the_official_format(new_study, site) -> None:
    """Fetched over HTTP, checked, unpickled, and also tested on published files, with the networks trained once."""
    import pickle

    folder, address = site
    rng = np.random.default_rng(0)
    labels = [i % 10 for i in range(20)]
    members = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        data = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        members[f"cifar-10-batches-py/{name}"] = pickle.dumps({b"data": data, b"labels": labels}, protocol=2)
    archive = tar(folder / "cifar-10-python.tar.gz", members, "w:gz")
    published = new_study.folder / "CIFAR-10-C"
    published.mkdir()
    np.save(published / "labels.npy", np.tile(np.array(labels, np.uint8), 5))
    np.save(published / "contrast.npy", rng.integers(0, 256, (100, 32, 32, 3), dtype=np.uint8))
    own = {"addresses": [f"{address}/cifar-10-python.tar.gz"], "checksum": md5(archive), "test_samples": 10}
    entries = (
        {"dataset": "cifar10", "model": "resnet8", "corruptions": ["contrast"]},
        {"dataset": "cifar10_c", "model": "resnet8", "corruptions": ["contrast"]},
    )
    new_study.write_config(tiny({"cifar10": own, "cifar10_c": {"path": str(published)}}, *entries))
    assert new_study.planned("results/tables/summary.csv")["train_run"] == 1
    run_to_tables(new_study)
    check_tables(new_study, ["cifar10", "cifar10_c"], 1)
    assert new_study.planned("results/tables/summary.csv") == {}
    cells = pd.read_csv(new_study.folder / "results/tables/corruptions.csv").set_index("dataset")
    clean = cells[cells["corruption"] == "clean"]["accuracy"]
    assert clean["cifar10"].tolist() == clean["cifar10_c"].tolist()
    log = (new_study.folder / "results/logs/acquire/cifar10.log").read_text()
    assert f"fetching {address}" in log


def test_a_folder_of_pictures_under_a_name_of_the_users(new_study) -> None:
    """Its name is in the tables, its images have the size that was asked for."""
    root = new_study.folder / "pictures"
    for label, name in enumerate(("cat", "dog", "elk")):
        for part, count in (("train", 8), ("test", 4)):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                (root / part / name / f"{i}.png").write_bytes(picture(label, ending=".png"))
    options = {"type": "image_folder", "path": str(root), "image_size": 32, "validation_fraction": 0.25}
    entry = {"dataset": "my_pictures", "model": "resnet8", "corruptions": NAMES}
    new_study.write_config(tiny({"my_pictures": options}, entry))
    run_to_tables(new_study)
    check_tables(new_study, ["my_pictures"], 2)


def test_imagenet_from_its_three_files(new_study) -> None:
    """Tars in the tar, labels in the devkit, a checksum for each file; the smoke key shrinks what is left to shrink."""
    root = new_study.folder / "ilsvrc"
    root.mkdir()
    wnids = ("n01440764", "n01443537", "n02084071")
    truth = [2, 0, 1, 1, 0, 2]
    synsets = np.zeros(3, dtype=[("ILSVRC2012_ID", object), ("WNID", object)])
    for row, (number, wnid) in zip(synsets, enumerate(wnids, 1), strict=True):
        row["ILSVRC2012_ID"], row["WNID"] = number, wnid
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets})
    classes = {f"{w}.tar": tar(None, {f"{w}_{i}.JPEG": picture(k) for i in range(16)}) for k, w in enumerate(wnids)}
    val = {f"ILSVRC2012_val_{i + 1:08d}.JPEG": picture(label) for i, label in enumerate(truth)}
    numbers = "".join(f"{label + 1}\n" for label in truth).encode()
    sums = {
        TRAIN_TAR: md5(tar(root / TRAIN_TAR, classes)),
        VAL_TAR: md5(tar(root / VAL_TAR, val)),
        DEVKIT: md5(tar(root / DEVKIT, {META: meta.getvalue(), TRUTH: numbers}, "w:gz")),
    }
    published = new_study.folder / "imagenet_c_bar"
    for severity in ("1.00", "2.50", "4.00", "9.00", "10.00"):
        for name, label in zip(val, truth, strict=True):
            path = published / "sparkles" / severity / wnids[label] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".jpg", np.full((64, 64, 3), 80 * label, np.uint8))[1].tobytes())
    own = {"path": str(root), "checksum": sums, "image_size": 64, "validation_fraction": 0.3}
    own |= {"train_samples": 45, "test_samples": 6}
    entry = {"dataset": "imagenet_c_bar", "model": "resnet50", "corruptions": ["sparkles"]}
    datasets = {"imagenet": own, "imagenet_c_bar": {"path": str(published)}}
    new_study.write_config({**tiny(datasets, entry), "results_dir": "r", "smoke": True})
    new_study.run("r_smoke/tables/summary.csv")
    (new_study.folder / "r_smoke").rename(new_study.folder / "results")
    check_tables(new_study, ["imagenet_c_bar"], 1)


def test_ucf101_in_its_layout(new_study) -> None:
    """Class folders of videos and the official lists; clips as long as was asked for."""
    av = pytest.importorskip("av")
    root = new_study.folder / "ucf101"
    lists = root / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    train, test = [], []
    for label, name in enumerate(("Archery", "YoYo")):
        for group in range(1, 7):
            video = f"{name}/v_{name}_g{group:02d}_c01.avi"
            path = root / "UCF-101" / video
            path.parent.mkdir(parents=True, exist_ok=True)
            with av.open(str(path), "w") as container:
                stream = container.add_stream("mpeg4", rate=25)
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
                for i in range(8):
                    frame = np.full((48, 64, 3), 100 * label + 10 * i, np.uint8)
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
                container.mux(stream.encode())
            (test if group <= 2 else train).append(video)
    (lists / "classInd.txt").write_text("1 Archery\n2 YoYo\n")
    (lists / "trainlist01.txt").write_text("".join(f"{v} {1 + v.startswith('YoYo')}\n" for v in train))
    (lists / "testlist01.txt").write_text("\n".join(test) + "\n")
    options = {"path": str(root), "image_size": 32, "frames": 8, "validation_fraction": 0.25}
    entry = {"dataset": "ucf101", "model": "r3d_tiny", "corruptions": ["shot_noise"]}
    new_study.write_config(tiny({"ucf101": options}, entry))
    run_to_tables(new_study)
    check_tables(new_study, ["ucf101"], 1)
