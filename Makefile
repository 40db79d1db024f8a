# `make run` and `make test` need nothing but Python ≥ 3.11: scripts/setup.sh makes .venv and keeps it up to date.

PY := .venv/bin/python
export PYTHON

.PHONY: run test lint format bench screenshots clean setup-run setup-test

run: setup-run
	@exec $(PY) -m desktop_app

test: lint
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest

lint: setup-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: setup-test
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: setup-test
	@$(PY) -m engine bench

screenshots: setup-run
	$(PY) -m desktop_app.screenshots

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find engine desktop_app tests -name __pycache__ -type d -exec rm -rf {} +

setup-run:
	@sh scripts/setup.sh run

setup-test:
	@sh scripts/setup.sh test
