#!/usr/bin/env bash
# Snakemake runs this in the folder of the checkout once the environment is there.
set -euo pipefail
python -m pip install --no-deps --editable .
