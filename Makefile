# Build, try and check tcplife. `make help` lists the targets.

BIN      := bin/tcplife
DEMO     := $(patsubst %,testdata/pcaps/%.pcap,svr4-bsd half-open-data embryonic refused time-wait-reuse)
FUZZTIME ?= 10m
PLAYS    ?= 20000
SEED     ?= 1
SCALE    ?= 1
SOAK     ?= 1m

# Package by package as go test does, then the skipped tests:
# $(call gotest,options of internal/skipped,options of go test).
gotest = mkdir -p bin && go tool -modfile=tools.mod gotestsum --format standard-quiet --hide-summary skipped \
	--jsonfile bin/tests.json \
	--post-run-command 'go run ./internal/skipped $(1) bin/tests.json' -- $(2) ./...

.DEFAULT_GOAL := build
.PHONY: build static demo test test-all test-root test-race test-asan test-tools test-static web test-page truth \
	mutate lint cross dist test-dist fuzz fuzz-cover cover bench bench-live soak libpcap help rfcsim \
	random-edits

build: libpcap ## build bin/tcplife (the default)
	go build $(PROFILED) -o $(BIN) ./cmd/tcplife

static: ## build bin/tcplife without C, for any machine of this kind: it lacks live, devices and -f
	CGO_ENABLED=0 go build -o $(BIN) ./cmd/tcplife

demo: build ## build what is needed and show the tables of some small captures
	$(BIN) read $(DEMO)

test: libpcap ## run all tests; those that were skipped are listed at the end, and why
	$(call gotest,,)

test-all: test-root test-race test-asan fuzz-cover ## run all tests, as root, with race detector and AddressSanitizer

test-root: libpcap test-tools ## run all tests once, as root; it fails if one was skipped
	export TCPLIFE_TEST_ALL=1; $(call gotest,-fail,-count=1)

test-race: libpcap ## run all tests with Go's race detector
	go test -race -count=1 -timeout 60m ./...

# Only devices and filters call C: the package, and the command where it captures. The privileges that live drops
# prevent the search for leaks.
test-asan: libpcap ## run the tests of what calls C with AddressSanitizer, which comes with gcc
	go test -asan -count=1 ./capture/live
	ASAN_OPTIONS=detect_leaks=0 go test -asan -count=1 -run 'TestLive(Scenes|Stop|Signals)$$' ./cmd/tcplife

# Programs that tests run beside tcplife if they are installed, with their Debian packages.
TEST_TOOLS := systemd-analyze:systemd tmux:tmux jq:jq tshark:tshark tcpdump:tcpdump groff:groff-base ip:iproute2 \
	nft:nftables setcap:libcap2-bin python3:python3-venv
# DuckDB, as a Python module in bin/duckdb, reads Parquet files.
DUCKDB := 2.0.1

test-tools:
	@test "$$(id -u)" = 0 || { \
		echo "make test-all needs root: tests make network namespaces and become other users" >&2; exit 1; }
	@missing=; for tool in $(TEST_TOOLS); do \
		command -v $${tool%:*} >/dev/null || missing="$$missing $${tool#*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
		set -ex; \
		apt-get update -q; \
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	fi
	@bin/duckdb/bin/python -c 'import duckdb' 2>/dev/null || { \
		set -ex; \
		python3 -m venv bin/duckdb || \
			{ apt-get install -qy --no-install-recommends python3-venv; python3 -m venv bin/duckdb; }; \
		bin/duckdb/bin/pip install -q duckdb==$(DUCKDB); \
	}

# Without C only these packages are compiled from other code: those with libpcap, and those that use them.
test-static: ## run the tests of what differs in a build without C
	CGO_ENABLED=0 go vet ./...
	CGO_ENABLED=0 go test $$(go list -f '{{.ImportPath}}: {{.ImportPath}} {{.Deps}}' ./... | \
		sed -n '/capture\/live/s/: .*//p')

# These packages are rarely run, and smaller without inlining. The page may have 4 MB.
COLD := github.com/google/gopacket/... github.com/olekukonko/... regexp/... encoding/json fmt log/... \
	$(addprefix github.com/tcplife/tcplife/report,/ladder /page /internal/text)

web: ## build bin/tcplife.html, a page that reads captures in the browser (WebAssembly)
	CGO_ENABLED=0 GOOS=js GOARCH=wasm go build -trimpath -ldflags='-s -w' $(COLD:%=-gcflags=%=-l) \
		-o bin/tcplife.wasm ./internal/web
	go run ./internal/web/pack bin/tcplife.wasm > bin/tcplife.html

test-page: build web ## test the pages in Chromium (apt-get install chromium nodejs npm)
	cd report/page/browser && npm ci --silent
	go run ./internal/benchcap -kind short -n 100000 -o bin/many.pcap
	cd report/page/browser && LARGE=$(CURDIR)/bin/many.pcap npm test

# Further platforms that the tool is built for. A browser has no devices and no terminal: there it is the library.
cross: ## build and vet for other systems, without C
	@set -e; for system in linux/arm64 darwin/arm64 windows/amd64 js/wasm; do \
		export CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/} packages=./...; \
		if [ $$GOOS = js ]; then packages="$$(go list ./... | grep -v '/cmd/\|/internal/') ./internal/web"; fi; \
		echo "$$system"; \
		go build $$packages; \
		go vet $$packages; \
	done

dist: libpcap ## make a release from the last commit, on Debian amd64: archives, a .deb and SHA256SUMS in bin/dist
	contrib/dist bin/dist

test-dist: libpcap ## hold dist to what it promises, as root: equal bytes twice, and the .deb in a plain Debian tree
	contrib/test-dist

truth: libpcap ## record testdata/kernel anew, as root: real connections, and the kernel's states of them
	go run ./internal/truth/record
	go test ./internal/truth -update

mutate: libpcap ## halve and double each named number of the tracker: which does no test notice? A quarter of an hour or more
	go run ./internal/mutate

lint: libpcap ## gofmt, go vet, staticcheck and the wording of texts; the tools' versions are pinned in tools.mod
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted by gofmt:" $$files >&2; exit 1; }
	go vet ./...
	go tool -modfile=tools.mod staticcheck ./...
	go run ./internal/wording

rfcsim: ## hold the tracker to PLAYS (20000) simulated connections from SEED (1)
	go test ./analyzer/tcpstate -run 'Truth' -rapid.checks $(PLAYS) -rapid.seed $(SEED) -timeout 0

random-edits: ## hold the records of PLAYS (20000) captures that are changed at random, from SEED (1)
	go test ./internal/whole -run 'TestRandomEdits' -rapid.checks $(PLAYS) -rapid.seed $(SEED) -timeout 0

fuzz: libpcap ## run every fuzz target for FUZZTIME (10m)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file func; do \
		name=$${func#func }; dir=$$(dirname "$$file"); echo "$$dir $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$dir" </dev/null || exit 1; \
	done

# The least coverage of the seeds of the fuzz targets, in per cent of statements.
FUZZ_FLOORS := capture=85 flows=90 analyzer=90 analyzer/tcpstate=90

fuzz-cover: libpcap ## how much of each package the seeds of the fuzz targets reach; it fails below FUZZ_FLOORS
	@mkdir -p bin
	TCPLIFE_TEST_ALL=1 go test -run '^Fuzz' -coverprofile=bin/fuzz.out -coverpkg=./capture,./flows,./analyzer/...,./report/query \
		$$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u) >bin/fuzz.log || \
		{ cat bin/fuzz.log; exit 1; }
	go run ./internal/fuzzcover bin/fuzz.out $(FUZZ_FLOORS)

cover: libpcap ## which lines the tests reach; the details go to bin/cover.html
	@mkdir -p bin
	go test -coverpkg=./... -coverprofile=bin/cover.out ./...
	go tool cover -html=bin/cover.out -o bin/cover.html
	go tool cover -func=bin/cover.out | tail -n 1

# Releases and measured programs are built with a profile (PGO), which makes the compiler slower.
bench bench-live soak: PROFILED := -pgo=cmd/tcplife/read.pgo

.PHONY: profile
profile: libpcap ## renew that profile: a minute
	go test -run '^$$' -bench Read -benchtime 5x -cpuprofile cmd/tcplife/read.pgo -o bin/profile.test ./cmd/tcplife

bench: build ## measure tcplife beside its peers; the tables of docs/BENCHMARKS.md, or a quick look with SCALE=0.01
	go run ./internal/bench -tcplife $(BIN) -scale $(SCALE) $(if $(filter 1,$(SCALE)),-o docs/BENCHMARKS.md)

bench-live: build ## measure live on a pair of veth devices beside tcpdump, as root; the table of docs/BENCHMARKS.md
	go run ./internal/bench -tcplife $(BIN) -live -o docs/BENCHMARKS.md

soak: build ## let live follow 20,000 connections a second for SOAK (1m), as root, and hold its memory and descriptors
	go run ./internal/bench -tcplife $(BIN) -soak $(SOAK)

# cgo needs libpcap's header. The compiler knows best whether it is there.
libpcap: ## install libpcap's header if it is missing (on Debian; elsewhere say what to install)
	@echo '#include <pcap.h>' | $$(go env CC) -E - >/dev/null 2>&1 || \
	if ! command -v apt-get >/dev/null; then \
		echo "libpcap's header pcap.h is missing;" \
			"install libpcap-devel (Fedora), libpcap-dev (Alpine) or libpcap (Arch, Homebrew)" >&2; exit 1; \
	else \
		if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
		set -ex; \
		$$sudo apt-get update -q; \
		$$sudo apt-get install -qy --no-install-recommends libpcap-dev; \
	fi

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
