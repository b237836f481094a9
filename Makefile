# smysl: `make run` shows it working, `make test` proves it, `make check` is what CI runs.
.DEFAULT_GOAL := help
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
Q ?= Sam has 24 marbles. He loses 6 and then shares the rest equally among 3 friends. How many marbles does each friend get?

.PHONY: help run test coverage check format lint types contracts model-card calibration programs-table bundle clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# torch by its exact version: any other pulls several GB of CUDA
$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[forge,dev]'
	@touch $@

run: $(VENV)/.runtime ## build the bundled model, start the daemon, answer a word problem by reasoning
	@$(BIN)/smysl-build --bundled
	@$(BIN)/smysl ask --verbose "$(Q)" || test $$? -eq 3  # 3: not confident, which is an answer too

# two at a time, the tests of a file in one process: they share daemons and engines
test: $(VENV)/.dev ## all tests
	$(BIN)/pytest -q -n 2 --dist loadfile

coverage: $(VENV)/.dev ## all tests, one at a time, and which lines they reach
	$(BIN)/pytest --cov --cov-report=term:skip-covered -q

check: format-check lint types contracts test ## format, lint, types, import contracts, tests

format: $(VENV)/.dev ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

model-card: $(VENV)/.dev ## measure the bundled model on held-out problems and write its card's tables
	rm -rf eval-results/card && mkdir -p eval-results/card
	$(BIN)/smysl-forge export -f all -n 100 > eval-results/card/field.jsonl
	$(BIN)/smysl-eval run eval-results/card/field.jsonl newcomer wordings numbers outside \
	    -p direct,solve --own-daemon -j 6 --out eval-results/card/results
	$(BIN)/smysl-eval report eval-results/card/results --card models/zerno/README.md
	$(BIN)/smysl-eval gate eval-results/card/results --gates evals/gates.toml

calibration: $(VENV)/.dev ## choose the thresholds and fit the confidences of models/zerno on problems of their own
	rm -rf eval-results/calibration && mkdir -p eval-results/calibration
	$(BIN)/smysl-forge export -f all -n 40 --seed 900000000 > eval-results/calibration/field.jsonl
	$(BIN)/smysl-forge export -f outside -n 160 --seed 910000000 >> eval-results/calibration/field.jsonl
	$(BIN)/smysl-eval run eval-results/calibration/field.jsonl -p direct,chain,solve --fresh --own-daemon -j 6 \
	    --out eval-results/calibration/results
	$(BIN)/smysl-eval calibrate eval-results/calibration/results --write models/zerno/dialect.json

programs-table: $(VENV)/.dev ## compare the programs on held-out problems and write docs/programs-measured.md
	rm -rf eval-results/programs && mkdir -p eval-results/programs
	$(BIN)/smysl-forge export -f all -n 10 > eval-results/programs/field.jsonl
	$(BIN)/smysl-eval run eval-results/programs/field.jsonl newcomer --fresh --own-daemon -j 6 \
	    -p direct,chain,solve,vote,best-of,reflect,tree,ensemble,auto --out eval-results/programs/results
	$(BIN)/smysl-eval programs eval-results/programs/results --page docs/programs-measured.md

bundle: $(VENV)/.runtime ## everything for a machine without a network, in one tar: dist/smysl-*.tar
	$(BIN)/python packaging/bundle.py

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
