# burnline and its example service. Pinned by tag; put digests in their place where images are mirrored.
FROM python:3.12.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/burnline
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN /opt/burnline/bin/pip install --require-hashes -r requirements/run.txt
# the six folders are linked into src/burnline, so they are copied beside it
COPY pyproject.toml README.md LICENSE ./
COPY collectors collectors
COPY detectors detectors
COPY slo slo
COPY alerting alerting
COPY runbooks runbooks
COPY dashboards dashboards
COPY src src
RUN /opt/burnline/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin burnline \
    && install -d -o burnline -g burnline /data /state /generated
COPY --from=build /opt/burnline /opt/burnline
COPY examples /opt/examples
ENV PATH=/opt/burnline/bin:$PATH PYTHONPATH=/opt/examples PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
EXPOSE 8600
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8600/readyz', timeout=2)"]
ENTRYPOINT ["burnline"]
CMD ["up"]
