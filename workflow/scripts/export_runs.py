from pathlib import Path

from dst_robustness.training.export import export_run

folders = [Path(folder) for folder in snakemake.params.folders]
finished = [folder for folder in folders if (folder / "run.json").exists()]
for folder in finished:
    export_run(folder)
print(f"{len(finished)} of {len(folders)} networks stand as model.safetensors beside their model.pt")
