FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libpcap-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -trimpath -o /usr/local/bin/tcplife ./cmd/tcplife

# libpcap is a shared library here: Debian's static one does not link without D-Bus.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libpcap0.8 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin tcplife
COPY --from=build /usr/local/bin/tcplife /usr/local/bin/tcplife
COPY LICENSE /usr/share/doc/tcplife/LICENSE
USER tcplife
WORKDIR /captures
ENTRYPOINT ["tcplife"]
CMD ["--help"]
