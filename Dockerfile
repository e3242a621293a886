FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libcap2-bin libpcap-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Permitted, not effective: so the program also starts where the right to capture is not granted, to read files.
RUN CGO_LDFLAGS='-O2 -g -Wl,-z,relro,-z,now' go build -trimpath -buildmode=pie -pgo=cmd/tcplife/read.pgo \
    -o /usr/local/bin/tcplife ./cmd/tcplife && setcap cap_net_raw+p /usr/local/bin/tcplife

# libpcap is a shared library here: Debian's static one does not link without D-Bus.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libpcap0.8 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin tcplife
COPY --from=build /usr/local/bin/tcplife /usr/local/bin/tcplife
COPY LICENSE /usr/share/doc/tcplife/LICENSE
USER tcplife
WORKDIR /captures
# Healthy is who runs and, where it has --metrics 127.0.0.1:9464, says that the capture goes on.
HEALTHCHECK --interval=30s --timeout=5s CMD ! grep -qz -e --metrics /proc/1/cmdline || \
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/9464 && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 && grep -q ^ok <&3'
ENTRYPOINT ["tcplife"]
CMD ["--help"]
