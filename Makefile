# Two commands do all set-up on a machine with Python 3.11 or later, pip and make: `make run`, `make test`.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: run seed pages board pictures test check audit sbom lock figures histories storm sequences clean canary fuzz turning ratio
.PHONY: upgrade chaos outage chaos-proof watching bench scaling soak profile performance capacity

# `make run -- --demo --pace 30` and `make run ARGS="--demo --pace 30"` say the same: words after `run` are its own.
ifeq (run,$(firstword $(MAKECMDGOALS)))
WORDS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(foreach word,$(WORDS),$(eval .PHONY: $(word))$(eval $(word): ; @:))
endif

run: $(VENV)/.runtime ## everything on this machine; ARGS=--demo: a living office
	@exec $(VENV)/bin/amends run $(ARGS) $(WORDS)

seed: $(VENV)/.runtime ## N made-up complaints into the register of `make run`, beside it; `amends seed --remove` ends it
	$(VENV)/bin/amends seed --complaints $(or $(N),10000) $(ARGS)

pages: $(VENV)/.dev ## server time and weight of the console's pages at 10,000 complaints and at N
	$(PY) benchmarks/pages.py $(or $(N),100000) $(if $(DATA),--data $(DATA))

board: $(VENV)/.dev ## how old the live board is under load, and how soon a broken limit shows
	$(PY) benchmarks/board.py

test: $(VENV)/.dev ## the whole suite, in two processes where there are two cores; ARGS=tests/test_clock.py: that alone
	$(PY) -m pytest $(or $(ARGS),-n logical --maxprocesses 2 --dist loadfile --no-loadscope-reorder)

check: $(VENV)/.dev ## lint, types, import contracts, policies
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/amends policy check

audit: $(VENV)/.dev ## unsafe code, and known holes in what is installed
	$(VENV)/bin/bandit --quiet --configfile pyproject.toml --recursive run api workflows activities register vault policies complaints
	$(PY) .ci/known_holes.py requirements.lock

sbom: $(VENV)/.dev ## the list of parts, build/sbom.cdx.json (CycloneDX)
	@mkdir -p build
	$(VENV)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --spec-version 1.6 --output-reproducible -o build/sbom.cdx.json

sequences: $(VENV)/.dev ## N random sequences of acts on real servers, drawn from SEED, and ten times as many on the pure rules
	AMENDS_SEQUENCES=$(or $(N),1000) AMENDS_SEED=$(or $(SEED),1) AMENDS_PURE_SEQUENCES=$(or $(N),1000)0 \
	  $(PY) -m pytest tests/test_sequences.py -x -s --hypothesis-seed=$(or $(SEED),1)

figures: $(VENV)/.dev ## how well the rules classify the held-back half, and find likely duplicates
	$(PY) tests/test_classification_figures.py
	$(PY) tests/test_duplicate_figures.py

storm: $(VENV)/.dev ## 200 complaints of one mass event: one incident, 200 answers; a year of everything: history sizes
	AMENDS_CROWD=200 $(PY) -m pytest -q -s tests/test_long_lives.py

canary: $(VENV)/.dev ## N complaints full of markers through their whole life, a quarter erased; everything is searched for them
	$(PY) benchmarks/canaries.py $(or $(N),200)

fuzz: $(VENV)/.dev ## requests made from the OpenAPI document, N a route, in every role's name
	$(PY) benchmarks/fuzz.py $(or $(N),20)

upgrade: $(VENV)/.dev ## from version FROM to this one under load, N cases, RATE turns a second; REPORT=FILE keeps the report
	$(PY) benchmarks/upgrade.py $(or $(N),600) --from $(or $(FROM),760ee71) --rate $(or $(RATE),3) --report $(or $(REPORT),build/upgrade.md)

turning: $(VENV)/.dev ## the master key is turned while N cases are open
	$(PY) benchmarks/turning.py $(or $(N),100)

ratio: $(VENV)/.dev ## what sealing costs: lifecycles a second with keys and without, by turns
	$(PY) benchmarks/encryption.py

CHAOS := PYTHONPATH=.:tests/support $(PY) -m benchmarks.chaos

chaos: $(VENV)/.dev ## N complaints under FAULTS faults within MINUTES, drawn from SEED; then an independent checker
	$(CHAOS) -n $(or $(N),500) --faults $(or $(FAULTS),100) --minutes $(or $(MINUTES),25) --seed $(or $(SEED),1) \
	  $(if $(KEEP),--keep $(KEEP)) $(if $(REPORT),--report $(REPORT))

outage: $(VENV)/.dev ## Temporal is stopped for MINUTES under intake at RATE a second; then all is started, in order
	$(CHAOS).outage --minutes $(or $(MINUTES),10) --rate $(or $(RATE),5) $(if $(KEEP),--keep $(KEEP)) $(if $(REPORT),--report $(REPORT))

chaos-proof: $(VENV)/.dev ## the checker proven: it sees each way of breaking the product; ONLY=3,7 does those alone
	$(CHAOS).proof $(if $(ONLY),--only $(ONLY)) $(if $(REPORT),--report $(REPORT))

watching: $(VENV)/.dev ## what figures and traces cost: complaints opened on a whole stack, by turns with and without
	$(PY) benchmarks/watched.py $(or $(N),100)

bench: $(VENV)/.bench ## speed, lateness, holding, peers: all, or PART=lives|opening|lateness|holding|histories|peers; ARGS=--help
	$(PY) benchmarks/bench.py $(PART) $(ARGS)

scaling: $(VENV)/.dev ## lifecycles a second by the number of workers and of web servers
	$(PY) benchmarks/scaling.py $(ARGS)

soak: $(VENV)/.dev ## half of the measured capacity for MINUTES; RATE= lives a second instead
	$(PY) benchmarks/soak.py --minutes $(or $(MINUTES),40) $(if $(RATE),--rate $(RATE)) $(ARGS)

profile: $(VENV)/.bench ## where worker and web spend their time under load
	$(PY) benchmarks/profiling.py $(ARGS)

performance: $(VENV)/.dev ## docs/performance.md from what bench, scaling, soak and profile have found
	$(PY) benchmarks/performance.py

capacity: $(VENV)/.dev ## docs/capacity.md: from complaints a day to machines, out of what bench has found
	$(PY) benchmarks/capacity.py $(ARGS)

pictures: $(VENV)/.dev ## docs/images/console and docs/console-pages.md: every page as people see it
	$(PY) benchmarks/pictures.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Amends needs Python 3.11 or later; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: .bench
.bench: $(VENV)/.bench ## what `make bench` compares with and looks with
$(VENV)/.bench: $(VENV)/.dev requirements-bench.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

lock: ## make the lock files anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra build -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra build --extra dev -c requirements.lock -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra bench -c requirements-dev.lock -o requirements-bench.lock

histories: $(VENV)/.dev ## record one history of each kind of case as version NAME
	cd tests/support && ../../$(PY) record_histories.py $(or $(NAME),$(error say NAME=0.1.0))

clean:
	rm -rf $(VENV) build *.egg-info
