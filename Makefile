# What a developer and .ci/run call. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build assets test faults soak bench bench-versions bench-data replay generate verify lint vulnerabilities migration

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS = $(if $(VERSION),-ldflags '-X main.version=$(VERSION)')
LINT    = go tool -modfile=.ci/lint.mod golangci-lint
# Every file that git tracks or would track, with its checksum: two of these tell whether something changed.
TREE    = git ls-files -coz --exclude-standard | { xargs -0 cksum 2>&1 || true; }

PAGES  := server/pages
LOCK   := $(wildcard $(PAGES)/package-lock.json)
FETCHED = $(if $(LOCK),$(if $(shell command -v npm),$(PAGES)/node_modules/.fetched))

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 17

run: assets ## serve with demo content on http://localhost:8080
	PETITION_DEMO=true go run ./server

build: assets ## build bin/petitiond
	go build -trimpath $(LDFLAGS) -o bin/petitiond ./server

assets: $(FETCHED) ## fetch GraphiQL's files from npm; without npm there is nothing to do
	@:

# Without these files the page takes GraphiQL from a CDN, so a failure here stops nothing.
$(PAGES)/node_modules/.fetched: $(LOCK)
	@cd $(PAGES) && { npm ci --no-audit --no-fund --loglevel=error >/dev/null && npm run --silent assets && touch node_modules/.fetched; } \
	  || echo "GraphiQL's files could not be fetched from npm; the page will take them from a CDN." >&2

test: ## run every test on SQLite and PostgreSQL; RACE=1 adds the race detector, FLAGS='-run X -v' anything
	go test -shuffle=on $(if $(RACE),-race) $(FLAGS) ./...

faults: ## kill, cut and stall the running program for long; make test does so for short
	PETITION_TEST_FAULTS=long go test -count=1 -timeout 60m -v $(FLAGS) ./server/bench/faults

soak: ## an hour of everything at once, and then what has worn out; FLAGS='-for 1m -on sqlite' narrows it
	go run ./server/bench/soak $(FLAGS)

bench: ## run the benchmarks, then compare ways to sign, to watch and to read; FLAGS='-bench X' runs some benchmarks alone
	go test -run '^$$' -bench . $(FLAGS) ./server/...
	$(if $(FLAGS),,go run ./server/bench/sign -aged 2000000)
	$(if $(FLAGS),,go run ./server/bench/watch)
	$(if $(FLAGS),,go run ./server/bench/read)

bench-versions: ## compare this tree with the program of a commit, in one run; BEFORE=v0.1.0 names it
	go run ./server/bench/versions -before $(or $(BEFORE),HEAD) $(FLAGS)

bench-data: ## fill an empty database with a site to measure; FLAGS='-deep -database sqlite:PATH' for the large one
	go run ./server/bench/data $(FLAGS)

replay: ## sign one petition 6,103,056 times and see that every figure is exact; FLAGS='-on sqlite -signatures 100000' narrows it
	go run ./server/bench/replay $(FLAGS)

generate: ## regenerate ent, then the GraphQL executor from schema.graphqls
	go generate ./ent
	go tool gqlgen generate
	go run ./graph/fastexec/rewrite graph/generated/generated.go

verify: ## regenerate and fail if any file differs from what is checked in
	@before=$$($(TREE)) && $(MAKE) --no-print-directory generate && after=$$($(TREE)) && \
	diff <(echo "$$before") <(echo "$$after") || { \
	  echo "verify: commit what 'make generate' writes; the files named above were stale, or it failed." >&2; exit 1; }

lint: ## check style and import directions; FLAGS=--fix mends what it can
	$(LINT) run $(FLAGS)

vulnerabilities: ## ask the databases of Go and npm for known vulnerabilities, as far as they can be reached
	.ci/vulnerabilities

migration: ## draft migrations for both databases from ent's schema: make migration name=add_likes
	go run ./server/database/draft -name $(or $(name),$(error say what it does: make migration name=add_likes))
