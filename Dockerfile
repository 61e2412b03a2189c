# The workflow with the versions of uv.lock. Build and run:
#   docker build -t dst-robustness .
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD/study:/study" dst-robustness --cores all
# /study takes results, resources and, where you have one, a folder config with presets of your own.
FROM python:3.12-slim

# libarchive-tools unpacks UCF101's RAR archive.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libarchive-tools \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv

WORKDIR /opt/dst-robustness
COPY pyproject.toml uv.lock README.md LICENSE ./
# The dependencies first: they change less often than the code, and are a layer of their own.
RUN uv sync --frozen --no-dev --no-install-project
COPY . .
RUN uv sync --frozen --no-dev

ENV PATH=/opt/dst-robustness/.venv/bin:$PATH \
    HOME=/tmp
WORKDIR /study
ENTRYPOINT ["snakemake", "--snakefile", "/opt/dst-robustness/Snakefile", "--workflow-profile", "/opt/dst-robustness/profiles/default"]
CMD ["--help"]
