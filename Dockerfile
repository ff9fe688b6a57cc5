# Builds the program, and an image of about 100 MB that holds it and nothing to build with.
#   docker build -t tickwire .
#   docker run -p 127.0.0.1:8080:8080 -v tickwire:/data tickwire serve --live

# The chart library of the page.
FROM node:22-slim AS chart
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=chart /web/node_modules/lightweight-charts/LICENSE web/app/vendor/lightweight-charts.LICENSE.txt
COPY --from=chart /web/node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.mjs web/app/vendor/lightweight-charts.js
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin tickwire \
 && cp target/release/tickwire /usr/local/bin/tickwire

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --create-home --home-dir /data tickwire
COPY --from=build /usr/local/bin/tickwire /usr/local/bin/tickwire
USER tickwire
WORKDIR /data
# The tape: put a volume here, or a new container begins an empty one.
VOLUME /data
# Reachable from outside the container; who may reach that is up to how its port is published.
ENV TICKWIRE__HTTP__LISTEN=0.0.0.0:8080
ENV TICKWIRE__TAPE__DIR=/data/tape
EXPOSE 8080
# As `docker stop` sends it: clients are asked to come back, within http.shutdown_ms.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["tickwire"]
CMD ["serve"]
