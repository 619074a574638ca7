# What a city runs: built with everything, run with nothing but Python, make and the installed package.
FROM python:3.12-slim AS builder
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make install RUNTIME=/opt/huixin

FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/huixin --create-home huixin
COPY --from=builder /opt/huixin /opt/huixin
COPY Makefile /opt/huixin/Makefile
ENV PATH=/opt/huixin/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RUNTIME=/opt/huixin \
    BIND=0.0.0.0 \
    PORT=8000 \
    HUIXIN_ENVIRONMENT=production \
    HUIXIN_SECRETS_FILE=/var/lib/huixin/secrets.json \
    HUIXIN_DATABASE_URL=sqlite+aiosqlite:////var/lib/huixin/huixin.db
USER huixin
WORKDIR /var/lib/huixin
VOLUME /var/lib/huixin
EXPOSE 8000
STOPSIGNAL SIGTERM
# Lives, not ready: a database that is away is no reason to end the process.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/health/live' % os.environ['PORT'], timeout=4)"]
CMD ["make", "--silent", "--file=/opt/huixin/Makefile", "start"]
