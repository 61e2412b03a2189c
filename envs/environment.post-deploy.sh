#!/usr/bin/env bash
# Snakemake runs this in the folder of the checkout once the environment is there: the versions of uv.lock, and the
# package itself from the checkout.
set -euo pipefail
UV_PROJECT_ENVIRONMENT=$CONDA_PREFIX uv sync --frozen --inexact --no-default-groups \
  --extra train --extra video --extra report
