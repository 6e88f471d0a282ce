# RunsDash as an image: `docker build -t runsdash .`; see docs/deployment.md.
# Another base has `python` (3.11 or newer, with venv) and apt.
ARG BASE=python:3.11-slim
FROM ${BASE} AS build
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# For `manage.py backup` and `restore` of PostgreSQL: the two programs without the Perl that their package brings along.
# What Debian has mended shall come in with each build, so nothing of it is pinned.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client \
    && mkdir /programs && cp /usr/lib/postgresql/*/bin/pg_dump /usr/lib/postgresql/*/bin/pg_restore /programs
RUN python -m venv /venv
COPY requirements.txt /tmp/requirements.txt
# Pages speak English alone, and nothing is installed later.
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt \
    && /venv/bin/pip uninstall --yes pip setuptools \
    && find /venv -path '*/locale/*' -name '*.[mp]o' -not -path '*/locale/en/*' -delete
WORKDIR /app
COPY manage.py gunicorn.conf.py ./
COPY runsdash runsdash
COPY templates templates
COPY static static
# The key signs nothing here; the real one comes with the environment.
RUN SECRET_KEY=only-while-building /venv/bin/python manage.py collectstatic --no-input

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libpq5 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN groupadd --system --gid 10001 runsdash \
    && useradd --system --uid 10001 --gid runsdash --home-dir /app --no-create-home runsdash
COPY --from=build /programs /usr/local/bin
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
RUN mkdir -p var && chown runsdash:runsdash var
USER 10001
VOLUME /app/var
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["gunicorn", "runsdash.wsgi", "--config", "gunicorn.conf.py", "--bind", "0.0.0.0:8000"]
