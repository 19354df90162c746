# Prefect's server with its UI, and (target `kubernetes-worker`) the worker that starts Kubernetes jobs. Neither needs torch or SAGA.
#   docker build -f docker/server.Dockerfile -t saga-server .
#   docker build -f docker/server.Dockerfile --target kubernetes-worker -t saga-kubernetes-worker .
FROM python:3.11.14-slim-bookworm AS prefect

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

COPY constraints.txt /opt/saga/constraints.txt
RUN pip install --no-compile -c /opt/saga/constraints.txt prefect==3.8.8 asyncpg==0.32.0 fastapi==0.150.0 SQLAlchemy==2.0.58

ENV HOME=/var/lib/saga \
    PREFECT_HOME=/var/lib/saga/prefect \
    DO_NOT_TRACK=1
WORKDIR /var/lib/saga
ENTRYPOINT ["/usr/bin/tini", "--"]

FROM prefect AS kubernetes-worker

RUN pip install --no-compile -c /opt/saga/constraints.txt prefect-kubernetes==0.8.0
USER 10001:10001
ENV PREFECT_WORKER_WEBSERVER_HOST=127.0.0.1
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health', timeout=4)"]
CMD ["prefect", "worker", "start", "--type", "kubernetes", "--pool", "saga-cpu", "--with-healthcheck"]

FROM prefect AS server

USER 10001:10001
# The UI is served from a copy that Prefect writes; its own folder is root's.
ENV PREFECT_SERVER_API_HOST=0.0.0.0 \
    PREFECT_SERVER_API_PORT=4200 \
    PREFECT_SERVER_UI_STATIC_DIRECTORY=/tmp/prefect-ui \
    PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT=false \
    PREFECT_SERVER_ANALYTICS_ENABLED=false
EXPOSE 4200
# Ready means that the database answers; the path needs no credentials.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=6 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:4200/api/ready', timeout=4)"]
CMD ["prefect", "server", "start"]
