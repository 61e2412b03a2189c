"""Foreign text is shown without secrets, on one line, and without formulas."""

import logging
import pickle

import pandas as pd
import pytest
import yaml

from dst_robustness.jobs import shown


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://mirror.example/a/x.tar.gz", "https://mirror.example/a/x.tar.gz"),
        ("https://me:s3cret@h.example:8080/x", "https://***@h.example:8080/x"),
        ("https://T0KEN@h.example/x", "https://***@h.example/x"),
        ("https://me:s3/c@ret@h.example/x", "https://***@h.example/x"),
        ("https://h.example/x?X-Amz-Signature=T0KEN&id=1", "https://h.example/x?***"),
        ("https://h.example/x#T0KEN", "https://h.example/x#***"),
        ("https://h.example/x#a?T0KEN", "https://h.example/x#***"),
        ("HTTPS://me:s3cret@h.example/x", "HTTPS://***@h.example/x"),
        ("https:/me:s3cret@h.example/x", "https:/***@h.example/x"),
        ("ftp://me:s3cret@h.example/x", "ftp://***@h.example/x"),
        ("https://h.example/s/0123456789abcdef0123/x.tar", "https://h.example/s/***/x.tar"),
        ("https://h.example/d/aB3dE6gH9jK2mN5pQ8sT/x.tar", "https://h.example/d/***/x.tar"),
        ("https://h.example/key=T0KEN;v=1/x.tar", "https://h.example/key=***/x.tar"),
        ("https://h.example/eyJhbGciOi.eyJzdWIi.T0KEN/x", "https://h.example/***/x"),
        (
            "https://h.example/records/2535967/files/CIFAR-10-C.tar",
            "https://h.example/records/2535967/files/CIFAR-10-C.tar",
        ),
        (
            "https://h.example/UCF101TrainTestSplits-RecognitionTask.zip",
            "https://h.example/UCF101TrainTestSplits-RecognitionTask.zip",
        ),
        ("/data/set#1/a@b/x?.tar", "/data/set#1/a@b/x?.tar"),
        ("C:/data/x", "C:/data/x"),
        ("https://h.example/a\nb\x1b[2J", r"https://h.example/a\nb\x1b[2J"),
    ],
)
def test_an_address_is_shown_without_its_secrets(given, expected):
    assert shown.address(given) == expected


def test_an_address_as_a_parameter_keeps_its_value_and_hides_its_secrets():
    """Snakemake writes the representation of parameters into .snakemake/metadata, and pickles them for a job."""
    secret = shown.Address("https://me:s3cret@h.example/x?T0KEN")
    assert pickle.loads(pickle.dumps([secret])) == ["https://me:s3cret@h.example/x?T0KEN"]
    assert repr({"addresses": [secret]}).startswith("{'addresses': ['https://***@h.example/x?*** ")
    assert repr(secret) != repr(shown.Address("https://me:other@h.example/x?T0KEN"))
    assert repr(shown.Address("https://h.example/x")) == "'https://h.example/x'"


def test_a_name_is_shown_on_one_line():
    assert shown.name("a\nb\r\x1b[31m\x00\u2028\u202e\udcff") == r"a\nb\r\x1b[31m\x00\u2028\u202e\udcff"
    assert shown.name("naïve 名前") == "naïve 名前"
    assert shown.name("x" * 1000) == "x" * 100 + "..." + "x" * 100


def test_text_keeps_its_lines_and_loses_its_secrets():
    text = "tried:\n  https://a:s3cret@h.example/x?t=T0KEN answers 404\n  \x1b[2Jx\tend"
    assert shown.text_without_secrets(text) == "tried:\n  https://***@h.example/x?*** answers 404\n  \\x1b[2Jx\tend"


def test_a_configuration_is_shown_without_secrets_wherever_they_stand():
    """Also where a password holds what YAML has to quote, and in comments."""
    addresses = ["https://me:s3'c\"r et@h.example/x?token=T0'KEN", "/mine/a#b"]
    text = yaml.safe_dump({"datasets": {"x": {"addresses": addresses}}, "model": "timm:resnet18"}) + "# was T0KEN\n"
    assert yaml.safe_load(shown.yaml_without_secrets(text)) == {
        "datasets": {"x": {"addresses": ["https://***@h.example/x?***", "/mine/a#b"]}},
        "model": "timm:resnet18",
    }
    assert "T0" not in shown.yaml_without_secrets(text)
    assert "T0KEN" not in shown.yaml_without_secrets("{not: [yaml\nhttps://h.example/x?T0KEN")


def test_files_with_secrets_are_replaced_by_copies_without(tmp_path):
    (tmp_path / "plain.yaml").write_text("seeds: [0]  # all\n")
    (tmp_path / "secret.yaml").write_text("addresses: ['https://me:s3cret@h.example/x']\n")
    plain, copy = shown.copies_without_secrets([tmp_path / "plain.yaml", tmp_path / "secret.yaml"], tmp_path / "shown")
    assert plain == tmp_path / "plain.yaml"
    assert copy.name == "secret.yaml"
    assert yaml.safe_load(copy.read_text()) == {"addresses": ["https://***@h.example/x"]}


def test_no_cell_is_a_formula():
    table = pd.DataFrame(
        {"name": ["=1+1", "+x", "-x", "@x", "\tx", "\uff1dx", "plain", None], "gain": [-1.0, 0, 0, 0, 0, 0, 0, 0]}
    )
    lines = shown.cells_without_formulas(table).to_csv(index=False).splitlines()
    assert lines[1:] == ["'=1+1,-1.0", "'+x,0.0", "'-x,0.0", "'@x,0.0", "'\tx,0.0", "'\uff1dx,0.0", "plain,0.0", ",0.0"]


def test_a_log_shows_no_secret_whoever_writes_it():
    """urllib3 warns with whole addresses."""
    from dst_robustness.jobs.logs import _Formatter

    record = logging.LogRecord("urllib3", logging.WARNING, "", 0, "retry %s", ("http://h.example/x?T0KEN",), None)
    assert _Formatter("%(message)s").format(record) == "retry http://h.example/x?***"
