# Written with care, but not built or run where it was written: no container engine was at hand. Try it before you rely on it.

FROM node:22-slim AS pages
WORKDIR /src/server/pages
COPY server/pages/package.json server/pages/package-lock.json server/pages/.npmrc ./
RUN npm ci --loglevel=error
COPY server/pages/ ./
RUN npm run --silent build

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/dealboard
WORKDIR /src
COPY requirements.lock ./
RUN /opt/dealboard/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY models/ models/
COPY engine/ engine/
COPY resolvers/ resolvers/
COPY schema/ schema/
COPY server/ server/
COPY --from=pages /src/server/pages/dist/ server/pages/dist/
# The setuptools of the lock builds Dealboard: in isolation pip would fetch one that is not locked.
RUN /opt/dealboard/bin/pip install --no-build-isolation --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin dealboard
COPY --from=build /opt/dealboard/ /opt/dealboard/
ENV PATH=/opt/dealboard/bin:$PATH PYTHONUNBUFFERED=1 DEALBOARD_HOST=0.0.0.0 DEALBOARD_PORT=8000 DEALBOARD_LOG_FORMAT=json
USER 10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"DEALBOARD_PORT\"]}/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["dealboard", "serve"]
