# Two commands do everything: `make run` and `make test`. Both make what they need first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
WORKERS ?= 2

.PHONY: run test check mutants bench soak install graphiql examples schema lock clean

run: install graphiql ## Start the demo: database, API and GraphiQL on http://127.0.0.1:8000/graphql
	@exec $(BIN)/dealboard serve --demo

test: install graphiql examples ## Run all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: install ## Lint, types, and the committed schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/python/follow.py
	@$(BIN)/dealboard schema | diff -u schema.graphql - || (echo 'schema.graphql is stale: run `make schema`'; exit 1)

mutants: install ## Thirty wrong rules: do the tests notice each?
	$(BIN)/python -m tests.mutants

bench: install ## Measure against hand-written limits
	$(BIN)/python -m bench
	$(BIN)/python -m bench.live

soak: install ## Minutes of killed servers and cut connections: is anything lost, doubled or out of order?
	$(BIN)/python -m bench.soak

schema: install ## Write the schema as it is in the code
	$(BIN)/dealboard schema > schema.graphql

install: $(VENV)/.installed

# The lock names every package with its hash; hosts are left to the client's configuration.
$(VENV)/.installed: requirements.lock pyproject.toml
ifdef UV
	@test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV)
	@uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@uv pip install --quiet --python $(BIN)/python --no-deps -e .
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
endif
	@$(BIN)/python -m compileall -q models engine resolvers schema server
	@touch $@

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

lock: ## Resolve the dependencies anew
	uv pip compile pyproject.toml --group dev --extra tracing --universal --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links -q -o requirements.lock

clean: ## Remove what was made, the demo's data included
	rm -rf $(VENV) .data server/pages/dist server/pages/node_modules examples/typescript/dist examples/typescript/node_modules
