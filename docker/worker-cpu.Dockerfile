# A worker without a GPU: whole runs, scoring, deployments.
#   docker build -f docker/worker-cpu.Dockerfile -t saga-worker-cpu .
# On most indexes torch is the CUDA build, which is some gigabytes larger and works here too; the small one is asked for by
#   --build-arg TORCH_VERSION=2.13.0+cpu --build-arg PIP_EXTRA_INDEX_URL=…   (the index that PyTorch's site names for CPUs)
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

# Debian keeps one version of tini a release, so a pinned one would be gone with the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 10001 --user-group --home-dir /var/lib/saga --create-home --shell /usr/sbin/nologin saga

# What changes least, and is largest, comes first.
ARG TORCH_VERSION=2.13.0
ARG PIP_EXTRA_INDEX_URL
RUN pip install --no-compile "torch==$TORCH_VERSION"

WORKDIR /opt/saga
COPY constraints.txt pyproject.toml ./
# Greynir compiles its grammar when it is first loaded, into a file beside it, which later only root could.
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; more = p['optional-dependencies']; \
print(*p['dependencies'], *more['greynir'], *more['udpipe'], sep='\n')" > requirements.txt \
    && pip install --no-compile -c constraints.txt -r requirements.txt setuptools==84.2.1 \
    && python -c "import reynir; reynir.Greynir().parser"

# Installed in place, because the recipes lie beside the packages; `deployments` is no part of the distribution, hence PYTHONPATH.
COPY README.md ./
COPY saga_core saga_core
COPY tasks tasks
COPY flows flows
COPY deployments deployments
RUN pip install --no-deps --no-build-isolation --no-compile -e .

ENV PYTHONPATH=/opt/saga \
    HOME=/var/lib/saga \
    XDG_CACHE_HOME=/var/lib/saga/cache \
    HF_HOME=/var/lib/saga/cache/huggingface \
    PREFECT_HOME=/var/lib/saga/prefect \
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30 \
    PREFECT_WORKER_QUERY_SECONDS=2 \
    PREFECT_WORKER_WEBSERVER_HOST=127.0.0.1 \
    PREFECT_LOGGING_EXTRA_LOGGERS=saga_core,transformers,trl \
    DO_NOT_TRACK=1
USER 10001:10001
WORKDIR /var/lib/saga
# Unhealthy is a worker that no longer polls the server.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["prefect", "worker", "start", "--type", "process", "--pool", "saga-cpu", "--with-healthcheck"]
