# The workflow with the versions of uv.lock. Build and run:
#   docker build -t dst-robustness .
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD/study:/study" dst-robustness --cores all
# Without a preset it runs the embedded study. For another study add, as in any call of Snakemake,
#   --configfile /opt/dst-robustness/config/smoke.yaml
# /study is for results, resources and perhaps a folder config with your own presets. No option for shared memory is
# needed, since none is used.
FROM python:3.12-slim

# libarchive-tools unpacks UCF101's RAR archive.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libarchive-tools \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv
WORKDIR /opt/dst-robustness
COPY pyproject.toml uv.lock README.md LICENSE ./
# The dependencies come first, in their own layer, since they change less often than the code. They are compiled, since
# users of the container cannot write there what Python compiles.
RUN uv sync --frozen --no-dev --compile-bytecode --no-install-project
COPY . .
RUN uv sync --frozen --no-dev --compile-bytecode

# --user gives an id without an account. It has no home folder, and no user name, which Snakemake asks for. The XDG
# folders are used if a call brings its own HOME that cannot be written.
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
