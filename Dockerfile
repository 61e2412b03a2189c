# The workflow with the versions of uv.lock. Build and run:
#   docker build -t dst-robustness .
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD/study:/study" dst-robustness --cores all
# Without a preset it runs the embedded study; for another one add, as for any call of Snakemake,
#   --configfile /opt/dst-robustness/config/smoke.yaml
# /study takes results, resources and, where you have one, a folder config with presets of your own. No option for shared
# memory is needed: nothing lies there.
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

# --user gives an id without an account: no home folder, and no name for Snakemake, which asks for one. The XDG folders
# hold where a call brings a HOME of its own that cannot be written to.
ENV PATH=/opt/dst-robustness/.venv/bin:$PATH \
    HOME=/tmp \
    LANG=C.UTF-8 \
    LOGNAME=study \
    USER=study \
    XDG_CACHE_HOME=/tmp/cache \
    XDG_CONFIG_HOME=/tmp/config
WORKDIR /study
ENTRYPOINT ["snakemake", "--snakefile", "/opt/dst-robustness/Snakefile", "--workflow-profile", "/opt/dst-robustness/profiles/default"]
CMD ["--help"]
