# The commands for developers and .ci/run. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build assets test faults soak bench bench-versions bench-data replay generate verify lint vulnerabilities migration

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS = $(if $(VERSION),-ldflags '-X main.version=$(VERSION)')
LINT    = go tool -modfile=.ci/lint.mod golangci-lint
# Every file that git tracks or would track, with its checksum: comparing two of these shows whether anything has changed.
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

assets: $(FETCHED) ## fetch GraphiQL's files from npm; without npm, do nothing
	@:

# Without these files the page loads GraphiQL from a CDN, so a failure here is not an error.
$(PAGES)/node_modules/.fetched: $(LOCK)
	@cd $(PAGES) && { npm ci --no-audit --no-fund --loglevel=error >/dev/null && npm run --silent assets && touch node_modules/.fetched; } \
	  || echo "GraphiQL's files could not be fetched from npm; the page will load them from a CDN." >&2

# A package takes a minute or two, and several times as long on a machine that is busy with other things: Go's ten minutes
# would end it.
# -race would also check every pointer of SQLite, whose C was translated and follows other rules: that takes longer than all
# the rest.
test: ## run every test on SQLite and PostgreSQL; RACE=1 adds the race detector, FLAGS='-run X -v' other flags
	go test -timeout 20m -shuffle=on $(if $(RACE),-race -gcflags=modernc.org/...=-d=checkptr=0) $(FLAGS) ./...

faults: ## kill, cut and stall the running program, for a long time; make test does so briefly
	PETITION_TEST_FAULTS=long go test -count=1 -timeout 60m -v $(FLAGS) ./server/bench/faults

soak: ## run everything at once for an hour and report what has worn out; FLAGS='-for 1m -on sqlite' narrows it
	go run ./server/bench/soak $(FLAGS)

bench: ## run the benchmarks, then compare ways to sign, watch and read, and send mails; FLAGS='-bench X' runs only some benchmarks
	go test -run '^$$' -bench . $(FLAGS) ./server/...
	$(if $(FLAGS),,go run ./server/bench/sign -aged 2000000)
	$(if $(FLAGS),,go run ./server/bench/watch)
	$(if $(FLAGS),,go run ./server/bench/read)
	$(if $(FLAGS),,go run ./server/bench/outbox)

bench-versions: ## compare this tree with an earlier commit, in one run; BEFORE=v0.1.0 names the commit
	go run ./server/bench/versions -before $(or $(BEFORE),HEAD) $(FLAGS)

bench-data: ## fill an empty database with a site to measure; FLAGS='-large -database sqlite:PATH' for the large site
	go run ./server/bench/data $(FLAGS)

replay: ## sign one petition 6,103,056 times and check that every figure is exact; FLAGS='-on sqlite -signatures 100000' narrows it
	go run ./server/bench/replay $(FLAGS)

generate: ## regenerate ent, then the GraphQL executor from schema.graphqls
	go generate ./ent
	go tool gqlgen generate
	go run ./graph/fastexec/rewrite graph/generated/generated.go

verify: ## regenerate the code, and fail if any file differs from the one that is checked in
	@before=$$($(TREE)) && $(MAKE) --no-print-directory generate && after=$$($(TREE)) && \
	diff <(echo "$$before") <(echo "$$after") || { \
	  echo "verify: 'make generate' failed, or the files above were out of date: commit what it writes." >&2; exit 1; }

lint: ## check style and import directions; FLAGS=--fix corrects what it can
	$(LINT) run $(FLAGS)

vulnerabilities: ## look up known vulnerabilities in the databases of Go and npm, if they can be reached
	.ci/vulnerabilities

migration: ## draft migrations for both databases from ent's schema: make migration name=add_likes
	go run ./server/database/draftmigration -name $(or $(name),$(error name what it does, for example: make migration name=add_likes))
