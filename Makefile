# Everything is done by `make`, and all of it inside this folder: nothing is installed anywhere
# else. Needed beforehand: Python 3.11 or newer with its venv module, make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export CHROMIUM ?= /usr/bin/chromium

# A virtual environment or Python setting of the person who types `make` must not reach ours.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH PYTHONUSERBASE
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_PYTHON PIP_REQUIRE_HASHES
unexport UV_SYSTEM_PYTHON UV_PYTHON UV_TARGET UV_PREFIX UV_PROJECT_ENVIRONMENT
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# pip brings uv, uv brings the rest; each file's hash is checked against the lock.
UV_INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python
INSTALL_LOCKED = $(UV_INSTALL) --require-hashes --requirement
INSTALL_SELF = $(UV_INSTALL) --no-deps --no-build-isolation --editable .
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command 'make lock' $(LOCK_OPTIONS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo setup test check dev lint types layers pages unit web webtest fix docs lock upgrade clean distclean

help: ## list what can be made (this)
	@echo 'make TARGET, where TARGET is one of:'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo 'Another Python than python3: make TARGET PYTHON=python3.12'

# --- for everybody -------------------------------------------------------------------------------

demo: setup ## set up what reading needs, and read the example pictures
	$(BIN)/inkdigits read examples --show out
	@echo "What it saw, as pictures: out/"

setup: $(VENV)/.run ## set up what reading needs (no TensorFlow)

# --- for those who change the project ------------------------------------------------------------

test: check ## set up everything, then make check

check: lint types layers pages unit ## all that CI runs but webtest, step by step

dev: $(VENV)/.dev ## set up everything: training, notebook and the tools

lint: dev ## look for slips, and for what is not formatted
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: dev ## check the types
	$(BIN)/mypy

layers: dev ## check that each room imports only from lower floors
	$(BIN)/lint-imports --no-logo

pages: dev ## check that the generated pages are up to date
	$(BIN)/python scripts/write_docs.py --check

unit: dev ## run the tests; ARGS='-m "not slow"' picks some
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

web: ## build the page that `inkdigits serve` shows (needs Node)
	@command -v npm >/dev/null || { \
		echo 'The page is built with Node 20.19 or newer and its npm, and there is no npm here.' \
			'Install them, from nodejs.org or with: apt install npm' >&2; exit 1; }
	$(MAKE) web/node_modules/.package-lock.json
	cd web && npm run --silent build

webtest: web $(VENV)/.dev ## test the page, in Chromium too
	@test -x "$(CHROMIUM)" || { \
		echo 'There is no Chromium at $(CHROMIUM). Install it (apt install chromium), or name one:' \
			'make webtest CHROMIUM=/path/to/chromium' >&2; exit 1; }
	cd web && npm run --silent lint && npm test --silent && npm run --silent e2e

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

fix: dev ## format, and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: dev ## write again the pages that are generated
	$(BIN)/python scripts/write_docs.py

lock: $(VENV)/.uv ## bring the lock up to date with pyproject.toml
	echo 'uv>=0.13,<0.14' | $(LOCK) - --output-file requirements/uv.txt
	$(LOCK) pyproject.toml --group build --all-extras --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --group build --constraint requirements/dev.txt \
		--output-file requirements/run.txt
	$(LOCK) pyproject.toml --group build --extra serve --constraint requirements/dev.txt \
		--output-file requirements/serve.txt

upgrade: ## the same, with the newest version of everything
	$(MAKE) lock LOCK_OPTIONS=--upgrade

clean: ## delete what was built, and the caches of the tools
	rm -rf build dist out src/inkdigits/service/page .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## the same, and .venv
	rm -rf $(VENV) web/node_modules

# --- how .venv comes to be -----------------------------------------------------------------------
# Each stamp stands for a finished step, which is repeated when something it was made from changes.

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo 'There is no $(PYTHON) here. Install Python 3.11 or newer, or name one:' \
			'make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "inkdigits needs Python 3.11 or newer, but $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." \
			'Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo '$(PYTHON) has no venv module. On Debian and Ubuntu: sudo apt install python3-venv' >&2; \
		exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)

$(VENV)/.uv: requirements/uv.txt | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml $(VENV)/.uv
	$(INSTALL_LOCKED) requirements/run.txt
	$(INSTALL_SELF)
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml $(VENV)/.uv
	$(INSTALL_LOCKED) requirements/dev.txt
	$(INSTALL_SELF)
	@touch $@ $(VENV)/.run
