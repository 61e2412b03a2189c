"""A finished study in one file: its configuration, its results, and what another machine needs to continue it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from dst_robustness.jobs.files import atomic_path

CONFIGURATION, SUMS = "configuration.yaml", "SHA256SUMS"


def write_archive(
    target: str | Path, files: Iterable[str | Path], texts: Mapping[str, str], *, results: str | Path, prefix: str
) -> None:
    """Write files of a study's results, and texts of its own, into one tar file, with the SHA-256 sum of each.

    The files keep the given order. After ``tar -xm`` each is at least as new as those before it. So files that are made
    of others must come later; then Snakemake finds all of them up to date.

    Args:
        files: files below ``results``. One that is listed twice is packed once.
        texts: texts by their names in the archive.
        prefix: folder in the archive that replaces ``results``.

    Raises:
        ValueError: for a file that is not below ``results``.
    """
    sums = []
    with atomic_path(target) as partial, tarfile.open(partial, "w") as archive:
        for name, text in texts.items():
            sums.append(_add(archive, name, text.encode()))
        for path in dict.fromkeys(map(Path, files)):
            name = str(PurePosixPath(prefix, path.relative_to(results).as_posix()))
            archive.add(path, name, recursive=False, filter=_anonymous)
            with path.open("rb") as file:
                sums.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
        _add(archive, SUMS, "".join(sums).encode())


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> str:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n"


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove the owner of a file."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def read_me(archive: str, *, name: str, commit: str, holds: Iterable[str], citation: str) -> str:
    """Return the archive's README: what is in it, and how to check, continue and cite it.

    Args:
        archive: file name of the archive.
        name: name of the study.
        commit: commit of the checkout that made it.
        holds: the options with which it was packed: ``predictions``, ``networks``.
        citation: CITATION.cff of the checkout.
    """
    holds = set(holds)
    lines = [
        f"# {name}", "", "A study of DST-Robustness, from commit "
        f"{commit}: its configuration, tables, figures, report, and for each network run.json, history.csv, "
        "topology.csv and metrics.csv.", "",
        f"- predictions of each network on each test image: {'yes' if 'predictions' in holds else 'no'}",
        f"- networks (model.pt, masks.pt): {'yes' if 'networks' in holds else 'no'}", "",
        "Check it after unpacking:", "", f"    sha256sum --check {SUMS}", "", "## Go on with it", "",
    ]  # fmt: skip
    if holds >= {"predictions", "networks"}:
        lines += [
            f"In a clone of the project at commit {commit}, with this file in it. The data sets are made first, and "
            "the files are unpacked after them: Snakemake makes anew what is older than its data. `-m` lets tar give "
            "them the time of now.", "",
            f"    tar -xf {archive} {CONFIGURATION}",
            f"    snakemake make_data --cores all --configfile {CONFIGURATION}",
            f"    tar -xmf {archive}",
            f"    snakemake --cores all --forcerun summarise --configfile {CONFIGURATION}", "",
            "The last call trains nothing again, and makes tables, figures and report anew. With another seed, method "
            "or sparsity in the configuration it trains what is new. Snakemake's record of parameters is not in the "
            "archive: where the options of a packed network change, a line says so, and `--forcerun train_run` trains "
            "anew.",
        ]  # fmt: skip
    else:
        lines += [
            "This takes an archive that holds predictions and networks: `archive: [predictions, networks]` in the "
            "configuration of the study, then `snakemake archive`. From this one its numbers can be read."
        ]
    return "\n".join([*lines, "", "## How to cite", "", *(f"    {line}" for line in citation.splitlines()), ""])
