# One image for every command:  docker run consent-relay up | receiver | dispatcher | …
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/consent-relay \
 && /opt/consent-relay/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY consent consent
COPY receiver receiver
COPY dispatcher dispatcher
COPY console console
RUN /opt/consent-relay/bin/pip install --no-cache-dir --no-build-isolation --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/consent-relay --create-home consent-relay
COPY --from=build /opt/consent-relay /opt/consent-relay
ENV PATH=/opt/consent-relay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CONSENT_RELAY_STORE__DATA_DIR=/var/lib/consent-relay \
    CONSENT_RELAY_RECEIVER__HOST=0.0.0.0
USER consent-relay
WORKDIR /var/lib/consent-relay
VOLUME /var/lib/consent-relay
EXPOSE 8080
STOPSIGNAL SIGTERM
# `up` and `receiver` answer on 8083, `dispatcher` on 8082: whichever of them runs here is alive if one does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD \
  python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8083/healthz', timeout=1)" 2>/dev/null || \
  python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8082/healthz', timeout=1)"
ENTRYPOINT ["consent-relay"]
CMD ["up"]
