# One verb a chore, the same for people and for CI. Needs Python 3.11 or newer and make; nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
export MPLBACKEND := Agg

.PHONY: help setup check test demo bench bench-engine bench-features bench-inverse bench-four bench-agreement bench-l5pc bench-dopamine bench-data docs clean

help:
	@echo "make demo    install, then the founding experiment: simulate, learn, invert, report (demo/report.html)"
	@echo "make test    install, then all tests"
	@echo "make setup   environment with everything, tests included"
	@echo "make check   ruff and mypy"
	@echo "make bench   the slow measurements; they rewrite their parts of benchmarks/RESULTS.md"
	@echo "make docs    run every code block of the documentation"

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("gbar needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(BIN)/.installed-test: $(BIN)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

setup: $(BIN)/.installed-test

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup
	$(RUN) -m pytest -n 2 --dist loadfile

demo: $(BIN)/.installed
	$(BIN)/gbar demo -o demo --overwrite

docs: setup
	$(RUN) -m pytest tests/test_docs.py

bench: bench-engine bench-features bench-inverse bench-four bench-agreement bench-l5pc bench-dopamine bench-data

bench-engine: setup
	$(RUN) -m benchmarks.engine

bench-features: setup
	$(RUN) benchmarks/features.py --write

bench-inverse: setup
	$(RUN) benchmarks/inverse.py

bench-four: setup
	$(RUN) benchmarks/four_cells.py

bench-agreement: setup
	$(RUN) benchmarks/agreement.py --write

bench-l5pc: setup
	$(RUN) benchmarks/l5_pyramid.py --write

bench-dopamine: setup
	$(RUN) benchmarks/dopamine.py --write

bench-data: setup
	$(RUN) benchmarks/data.py --write
	$(RUN) benchmarks/cluster.py --write

clean:
	rm -rf $(VENV) demo bench build dist
