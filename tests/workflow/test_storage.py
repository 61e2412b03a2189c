"""A study whose files are kept by a storage provider, as in a cloud."""

from dst_robustness.reporting.figures import figures_of


def test_with_a_storage_provider_each_evaluation_names_all_that_it_reads(new_study, tmp_path_factory) -> None:
    """Its job has no other files. The same jobs are planned as on a disk."""
    prefix = tmp_path_factory.mktemp("storage")
    storage = ["--default-storage-provider", "fs", "--default-storage-prefix", str(prefix)]
    planned = new_study.planned(*storage)
    assert planned == {
        "acquire_dataset": 1,
        "prepare_dataset": 1,
        "corrupt_dataset": 2,
        "train_run": 2,
        "evaluate_run": 2,
        "summarise": 1,
        "measure_corruptions": 1,
        "draw_figure": len(figures_of(trained=True, taken=False, controls=False)),
        "draw_gallery": 1,
        "write_report": 1,
    }
    assert new_study.planned() == planned
