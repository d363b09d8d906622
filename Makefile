# Everything a person needs: each target sets up what it uses. Only Python 3.10+ and make are assumed.
PYTHON ?= python3
BIN := .venv/bin

# what is started hundreds of times, by tests and benchmarks, is compiled once
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check matrix bench bench-learning docs clean

demo: .venv/ready
	$(BIN)/arc demo

test: .venv/ready
	scripts/install-test-services
	$(BIN)/pytest --numprocesses 4 --dist loadfile

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src tests docs benchmarks README.md CONTRIBUTING.md CHANGELOG.md

matrix: .venv/ready
	$(BIN)/nox --parallel auto --allow-parallel

bench: .venv/ready
	$(BIN)/python -m benchmarks

# about 15 minutes on 2 cores; LEARNING=--quick takes 3
bench-learning: .venv/ready
	$(BIN)/python -m benchmarks.learning --report $(LEARNING)

docs: .venv/ready
	$(BIN)/mkdocs build --strict

clean:
	rm -rf .venv .nox site dist

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "make needs Python 3.10 or newer; name one with PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[core,dev]'
	touch $@
