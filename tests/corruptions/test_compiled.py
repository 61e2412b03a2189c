"""Machine code on disk must follow the sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba

from dst_robustness.corruptions import blur
from dst_robustness.corruptions import compiled as package_of_compiled
from dst_robustness.corruptions.compiled import cache_folder, source_digest

INNER = "from kernels.compiled import compiled\n\n@compiled\ndef inner(x):\n    return x + {}\n"
OUTER = (
    "from kernels.compiled import compiled\nfrom kernels.inner import inner\n\n"
    "@compiled\ndef outer(x):\n    return inner(x)\n\n"
    "print(outer(0), sum(outer.stats.cache_hits.values()))\n"
)


def copy_of_kernels(folder: Path) -> Path:
    """Make a package of two kernels, one calling the other, that are compiled as the real ones are."""
    package = folder / "kernels"
    package.mkdir(parents=True)
    shutil.copy(package_of_compiled.__file__, package)
    (package / "__init__.py").touch()
    (package / "inner.py").write_text(INNER.format(1))
    (package / "outer.py").write_text(OUTER)
    return package


def outer(package: Path, **environment: str) -> list[str]:
    """Return what a new process computes, and how often it found machine code on disk."""
    command = [sys.executable, "-B", "-c", "import kernels.outer"]
    variables = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    variables |= {"XDG_CACHE_HOME": str(package.parent / "cache"), **environment}
    result = subprocess.run(command, capture_output=True, text=True, cwd=package.parent, env=variables, check=True)
    return result.stdout.split()


def test_an_edit_of_a_called_kernel_in_another_file_is_noticed(tmp_path):
    """A stale caller would give wrong pixels without a word."""
    package = copy_of_kernels(tmp_path)
    assert outer(package) == ["1", "0"]
    assert outer(package) == ["1", "1"]
    (package / "inner.py").write_text(INNER.format(2))
    assert outer(package) == ["2", "0"]


def test_clones_of_the_same_sources_share_machine_code(tmp_path):
    """A second clone, container or worktree of one user does not compile again."""
    packages = [copy_of_kernels(tmp_path / name) for name in ("one", "two")]
    user = str(tmp_path / "user")
    assert [outer(package, XDG_CACHE_HOME=user) for package in packages] == [["1", "0"], ["1", "1"]]


def test_without_a_users_cache_the_place_beside_the_sources_is_taken(tmp_path):
    """A read-only home still compiles once a clone; without any place at all it works, compiling each time."""
    package = copy_of_kernels(tmp_path)
    nowhere = str(package / "inner.py")  # a file where the folder would be: nobody can write there, not even root
    assert [outer(package, XDG_CACHE_HOME=nowhere) for _ in range(2)] == [["1", "0"], ["1", "1"]]
    assert list((package / "__pycache__").glob("numba-*/*.nbi"))
    shutil.rmtree(package / "__pycache__")
    (package / "__pycache__").touch()
    assert [outer(package, XDG_CACHE_HOME=nowhere) for _ in range(2)] == [["1", "0"], ["1", "0"]]


def test_the_digest_changes_with_any_file_below(tmp_path):
    """With its content, its name and its being there."""
    (tmp_path / "below").mkdir()
    digests = [source_digest(tmp_path)]
    for name, content in (("a.py", "1"), ("a.py", "2"), ("below/b.py", "1")):
        (tmp_path / name).write_text(content)
        digests.append(source_digest(tmp_path))
    (tmp_path / "below/b.py").rename(tmp_path / "below/c.py")
    digests.append(source_digest(tmp_path))
    assert len(set(digests)) == 5
    (tmp_path / "notes.txt").write_text("not a source")
    assert source_digest(tmp_path) == digests[-1]


def test_kernels_are_kept_in_the_folder_of_their_sources():
    """The one of the digest and of numba's version, by the module within the package."""
    folder = cache_folder()
    assert folder.name == f"numba-{numba.__version__}-{source_digest(Path(package_of_compiled.__file__).parent)}"
    assert Path(blur._store.stats.cache_path) == folder
