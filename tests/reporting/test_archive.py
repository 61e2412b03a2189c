import hashlib
import tarfile

import pytest

from dst_robustness.reporting.archive import read_me, write_archive


def test_files_stand_in_their_order_with_their_sums(tmp_path):
    """Files that are made of others are unpacked after them, in the folder that the archive names."""
    results = tmp_path / "elsewhere"
    (results / "tables").mkdir(parents=True)
    for name in ("b.txt", "a.txt", "tables/c.csv"):
        (results / name).write_text(name)
    files = [results / "b.txt", results / "a.txt", results / "tables/c.csv", results / "b.txt"]
    write_archive(tmp_path / "x.tar", files, {"README.md": "read"}, results=results, prefix="results/x")
    with tarfile.open(tmp_path / "x.tar") as archive:
        names = ["README.md", "results/x/b.txt", "results/x/a.txt", "results/x/tables/c.csv", "SHA256SUMS"]
        assert archive.getnames() == names
        sums = archive.extractfile("SHA256SUMS").read().decode().splitlines()
        contents = [archive.extractfile(name).read() for name in names[:-1]]
        assert {member.uname for member in archive} == {""}
    assert sums == [f"{hashlib.sha256(c).hexdigest()}  {n}" for c, n in zip(contents, names, strict=False)]


def test_a_file_from_elsewhere_is_refused_and_nothing_is_left(tmp_path):
    """It would be unpacked into a place of its own choice."""
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ValueError, match=r"a\.txt"):
        write_archive(tmp_path / "x.tar", [tmp_path / "a.txt"], {}, results=tmp_path / "results", prefix="results/x")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


@pytest.mark.parametrize(("holds", "goes_on"), [(["predictions", "networks"], True), (["predictions"], False)])
def test_it_says_how_to_go_on_only_where_that_is_possible(holds, goes_on):
    """Without the networks they would be trained again."""
    text = read_me("x.tar", name="x", commit="abc", holds=holds, citation="cff")
    assert ("tar -xmf x.tar" in text) == goes_on
    assert "networks (model.pt, masks.pt): " + ("yes" if goes_on else "no") in text
    assert "    cff" in text
