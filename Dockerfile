# RunsDash as an image: `docker build -t runsdash .`; see docs/deployment.md.
FROM python:3.11-slim AS build
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt /tmp/requirements.txt
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt
WORKDIR /app
COPY manage.py gunicorn.conf.py ./
COPY runsdash runsdash
COPY templates templates
COPY static static
# The key signs nothing here; the real one comes with the environment.
RUN SECRET_KEY=only-while-building /venv/bin/python manage.py collectstatic --no-input

FROM python:3.11-slim
# For `manage.py backup` and `restore` of PostgreSQL.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN groupadd --system --gid 10001 runsdash \
    && useradd --system --uid 10001 --gid runsdash --home-dir /app --no-create-home runsdash
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
RUN mkdir -p var && chown runsdash:runsdash var
USER runsdash
VOLUME /app/var
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["gunicorn", "runsdash.wsgi", "--config", "gunicorn.conf.py", "--bind", "0.0.0.0:8000"]
