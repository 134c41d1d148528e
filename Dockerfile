# The service, with what it needs to read and nothing that trains.
#
#   make web && docker build --tag inkdigits .
#   docker run --rm --publish 8000:8000 --read-only --tmpfs /tmp inkdigits
#
# Without `make web` the page is missing, and the service works.

FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /app
COPY requirements/serve.txt ./
RUN /app/bin/pip install --no-cache-dir --require-hashes --requirement serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /app/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home inkdigits
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH
USER inkdigits
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=4)"]
ENTRYPOINT ["inkdigits", "serve", "--host", "0.0.0.0"]
