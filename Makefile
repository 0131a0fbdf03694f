# Two commands do everything: `make run` and `make test`. Both make what they need first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
WORKERS ?= 2

.PHONY: run test test-quick check mutants bench soak install install-dev graphiql examples schema released docs migration lock clean

run: install graphiql ## Start the demo: database, API and GraphiQL on http://127.0.0.1:8000/graphql
	@exec $(BIN)/dealboard serve --demo

test: install-dev graphiql examples ## Run all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-quick: install-dev ## Run the tests of tests/quick.txt: a minute, without browsers, Node.js, kills and load
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile @tests/quick.txt

check: install-dev ## Lint, types, and the committed schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/python/follow.py
	@$(BIN)/dealboard schema | diff -u schema.graphql - || (echo 'schema.graphql is stale: run `make schema`'; exit 1)

mutants: install-dev ## Thirty wrong rules: do the tests notice each?
	$(BIN)/python -m tests.mutants

bench: install-dev ## Measure against hand-written limits, between organisations, and as one grows
	$(BIN)/python -m bench
	$(BIN)/python -m bench.live
	$(BIN)/python -m bench.neighbours
	$(BIN)/python -m bench.growth

soak: install-dev ## Minutes of killed servers and cut connections: is anything lost, doubled or out of order?
	$(BIN)/python -m bench.soak

schema: install ## Write the schema as it is in the code
	$(BIN)/dealboard schema > schema.graphql

released: install-dev ## At a release: keep the schema, which later ones are compared with
	$(BIN)/python -m tests.support.contract

docs: install ## Write docs/settings.md, docs/errors.md and docs/metrics.md from the code
	$(BIN)/python -c "from pathlib import Path; from server.process.reference import write; write(Path('docs'))"

migration: install-dev ## Write the next migration from what the models have and the newest one has not: name=add_something
	@$(BIN)/dealboard migration '$(name)'

install: $(VENV)/.installed ## Install what running needs

install-dev: $(VENV)/.installed-dev ## Install what tests and checks need, too

# The locks name every package with its hash; hosts are left to the client's configuration. Dealboard itself is built
# with the setuptools of the lock: in isolation pip and uv would fetch one that is not locked.
ifdef UV
NEW_VENV = uv venv --quiet --python $(PYTHON) $(VENV)
PIP_INSTALL = uv pip install --quiet --python $(BIN)/python
else
NEW_VENV = $(PYTHON) -m venv $(VENV)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

$(VENV)/.installed: requirements.lock
$(VENV)/.installed-dev: requirements-dev.lock
$(VENV)/.installed $(VENV)/.installed-dev: pyproject.toml
	@test -x $(BIN)/python || $(NEW_VENV)
	@$(PIP_INSTALL) $(if $(UV),--compile-bytecode) --require-hashes -r $(filter %.lock,$^)
	@$(PIP_INSTALL) --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q models engine resolvers schema server
	@touch $(VENV)/.installed $@

graphiql: server/pages/dist/.built

# Without npm, or where it cannot fetch, the server runs all the same, and the page says what is missing.
server/pages/dist/.built: $(wildcard server/pages/package-lock.json server/pages/src/* server/pages/*.mjs)
	@mkdir -p server/pages/dist
	@if ! command -v npm >/dev/null 2>&1; then \
		echo 'npm is missing, so GraphiQL is not built: install Node.js and run `make graphiql`. The API runs without it.'; \
	elif echo 'Building GraphiQL…' && cd server/pages && npm ci --loglevel=error && npm run --silent build; then \
		touch dist/.built; \
	else \
		echo 'GraphiQL is not built: npm says why above. `make graphiql` tries again. The API runs without it.'; \
	fi

examples: examples/typescript/dist/.built

examples/typescript/dist/.built: $(wildcard examples/typescript/package-lock.json examples/typescript/*.ts examples/typescript/tsconfig.json)
	@command -v npm >/dev/null 2>&1 || { echo 'npm is missing: install Node.js 20 or later to build examples/typescript.'; exit 1; }
	@echo 'Building examples/typescript…'
	@cd examples/typescript && npm ci --loglevel=error && npm run --silent build && touch dist/.built

# The lock for running is resolved within the one for development, so that what is in both is of one version.
RESOLVE = uv pip compile pyproject.toml --group build --extra tracing --extra nats --universal --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links -q

lock: ## Resolve the dependencies anew
	$(RESOLVE) --group dev -o requirements-dev.lock
	$(RESOLVE) --constraint requirements-dev.lock -o requirements.lock

clean: ## Remove what was made, the demo's data included
	rm -rf $(VENV) .data server/pages/dist server/pages/node_modules examples/typescript/dist examples/typescript/node_modules
