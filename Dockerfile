# One image for every command:  docker run consent-relay up | receiver | dispatcher | console | apply | …
# docs/deploying.md

ARG PYTHON=3.12-slim-trixie

FROM python:${PYTHON} AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/consent-relay \
 && /opt/consent-relay/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY consent consent
COPY receiver receiver
COPY dispatcher dispatcher
COPY console console
RUN /opt/consent-relay/bin/pip install --no-cache-dir --no-build-isolation --no-deps . \
 && /opt/consent-relay/bin/pip uninstall --yes pip

FROM python:${PYTHON}
ARG TARGETARCH
# The lock brings a Valkey server for amd64 alone; elsewhere `up` runs Debian's. Its newest is the right one.
# hadolint ignore=DL3008
RUN if [ "${TARGETARCH:-amd64}" != amd64 ]; then \
      apt-get update \
   && apt-get install --yes --no-install-recommends valkey-server \
   && rm -rf /var/lib/apt/lists/*; \
    fi
# A number, so that an orchestrator can see that it is not root.
RUN groupadd --gid 10001 consent-relay \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/consent-relay --shell /usr/sbin/nologin consent-relay \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/consent-relay
COPY --from=build /opt/consent-relay /opt/consent-relay
# Safe path: a directory called "config" in the working directory is not ours. Fault handler: who is killed with SIGABRT
# says where it hung.
ENV PATH=/opt/consent-relay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONFAULTHANDLER=1 \
    CONSENT_RELAY_STORE__DATA_DIR=/var/lib/consent-relay \
    CONSENT_RELAY_RECEIVER__HOST=0.0.0.0
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="consent-relay" \
      org.opencontainers.image.description="Takes SMS opt-outs and opt-ins from messaging providers, keeps the consent ledger, and tells every system of yours" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
WORKDIR /var/lib/consent-relay
# All that is ever written; the rest may be mounted read-only. A process with a store elsewhere writes nothing at all.
VOLUME /var/lib/consent-relay
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# Whichever of the processes runs here, one answers. A service that knows which names it: python -m config.alive receiver
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 CMD ["python", "-m", "config.alive"]
ENTRYPOINT ["consent-relay"]
CMD ["up"]
