from pathlib import Path

from dst_robustness.training.export import export_finished

export_finished([Path(folder) for folder in snakemake.params.folders])
