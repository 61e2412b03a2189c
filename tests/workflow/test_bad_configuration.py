"""A mistake in the configuration ends the call before any job, in one clear line."""

import pytest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seedz=3", "unknown key 'seedz'. Did you mean 'seeds'?"),
        ("methods=[dense, rgil]", "unknown method 'rgil'. Did you mean 'rigl'?"),
        ("sparsities=[1.5]", "sparsities[0] is 1.5; allowed: number, at least 0 and less than 1"),
    ],
)
def test_a_mistake_is_said_and_nothing_runs(new_study, change: str, message: str) -> None:
    """Neither a traceback nor a job."""
    result = new_study.snakemake("--config", change)
    assert result.returncode == 1
    assert message in result.stdout
    assert message in new_study.snakemake("--quiet", "all", "--config", change).stdout
    assert "Traceback" not in result.stdout
    assert not (new_study.folder / "resources").exists()
