# Everything a reader, reviewer or editor runs. `make help` is the manual.

PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
VENV := .venv
RUN := $(VENV)/bin/python
UV := .tools/uv/bin/uv
CHOSEN := .tools/interpreter
SYNC := UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --locked --quiet --inexact --python "$$(cat $(CHOSEN))"
# The interpreter itself: behind a shim (pyenv) or a symbolic link uv would see another one at every
# call, replace the environment and take the packages away from what runs in it.
INTERPRETER := import os, sys; assert sys.version_info >= (3, 11); print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))

# Tests that start no kernel, no browser and no R; those left out that take, or import for, seconds.
SLOW := $(addprefix tests/metaprop/test_,bayes.py bayes_binomial.py equivalent.py every_proportion.py \
  exact.py figures_sensitivity.py influence.py levels.py moderators.py oracle.py pimeta.py planted.py pymare.py \
  small_study.py specifications.py which.py)
QUICK := tests/test_house.py tests/test_articles.py $(addprefix tests/clofarabine/test_,\
  data.py rule_table.py text.py show.py fuzz.py) $(addprefix tests/compendium/test_,\
  compare.py codecheck.py) $(filter-out $(SLOW),$(wildcard tests/metaprop/test_*.py))

# In a container one is root, to whom Jupyter would say no.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help reproduce update report report-pdf test check test-browser fuzz determinism bench lint lab oracle lock env env-test clean FORCE

help:  ## show this manual
	@echo "make TARGET, on Debian or Ubuntu with Python 3.11 or newer (venv), make and git:"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'
	@echo
	@echo "  PYTHON=python3.13 chooses the interpreter, JOBS=1 the number of notebooks at a time."

reproduce: env  ## run all notebooks into build/ and compare with the committed outputs
	@$(RUN) -m clofarabine reproduce --jobs $(JOBS)

update: env  ## run all notebooks and refresh the committed outputs
	@$(RUN) -m clofarabine update --jobs $(JOBS)

report: env  ## run the notebooks and write build/report.html, one page that needs no network
	@$(RUN) -m clofarabine report --jobs $(JOBS)

report-pdf: report  ## print that page to build/report.pdf, A4 (needs chromium)
	@command -v chromium >/dev/null || { echo "report-pdf: found no chromium, expected one (Debian: chromium)" >&2; exit 1; }
	@chromium --headless --disable-gpu $(if $(AS_ROOT),--no-sandbox) --no-first-run --disable-background-networking \
	  --no-pdf-header-footer --print-to-pdf=build/report.pdf.new build/report.html 2>build/report-pdf.log || { cat build/report-pdf.log >&2; exit 1; }
	@mv build/report.pdf.new build/report.pdf
	@rm build/report-pdf.log
	@cd build && sha256sum report.pdf >report-pdf.sha256
	@echo "The report is in build/report.pdf, too."

test: env-test lint  ## lint, unit and property tests, notebooks against their outputs, figures, environment
	@$(RUN) -m pytest -n $(JOBS)

check: env-test lint  ## half a minute while editing: lint, unit and property tests, one notebook
	@$(RUN) -m clofarabine reproduce --only 01 --build build/check & \
	  $(RUN) -m pytest -q -n $(JOBS) --dist load $(QUICK); tests=$$?; wait $$! && exit $$tests

test-browser: env-test  ## the notebooks in JupyterLab in a real browser (needs chromium; part of test)
	@$(RUN) -m pytest tests/browser

fuzz: env-test  ## N=10000 mutated tables and parameters, new ones each time
	@FUZZ=$(N) $(RUN) -m pytest -n $(JOBS) --dist load tests/clofarabine/test_fuzz.py

determinism: env-test  ## N=10 runs under changing conditions: the same bytes every time
	@$(RUN) tools/determinism.py $(N)

bench: env-test  ## measure against metafor, statsmodels, PyMARE and papermill's command line
	@$(RUN) benchmarks/run.py

lint: env-test  ## style of package, tests and notebooks
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

lab: env  ## open the notebooks in JupyterLab; ARGS="--no-browser --port=9999" passes options on
	@$(RUN) -m jupyterlab $(AS_ROOT) $(ARGS) --ServerApp.root_dir=. --ServerApp.jpserver_extensions=compendium.lab=True --LabApp.default_url=/lab/tree/notebooks/00_start.ipynb

oracle: env  ## recompute the pinned reference values with R metafor (needs Rscript)
	@Rscript tests/oracle/metafor.R tests/oracle/metafor.json

lock: $(UV)  ## resolve the dependencies anew and export the lock
	@$(UV) lock --upgrade
	@$(UV) export --quiet --locked --no-emit-project --group build --no-header --no-annotate -o requirements.txt

env: $(VENV)/.runtime  ## make the environment from the lock, hashes checked
env-test: $(VENV)/.test

$(UV): tools/uv.txt
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/uv.txt
	@touch $@

# Written only when another interpreter is asked for, so that nothing is made anew without need.
$(CHOSEN): FORCE
	@found=$$($(PYTHON) -c '$(INTERPRETER)' 2>/dev/null) || { \
	  echo "PYTHON: found $(PYTHON), expected Python 3.11 or newer" >&2; exit 1; }; \
	mkdir -p $(@D); [ "$$found" = "$$(cat $@ 2>/dev/null)" ] || echo "$$found" >$@

$(VENV)/.runtime: $(UV) uv.lock pyproject.toml $(CHOSEN)
	@$(SYNC)
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	@$(SYNC) --group test --group bench --all-extras
	@touch $@

FORCE:

fuzz: N ?= 10000
determinism: N ?= 10

clean:  ## remove the environment and what runs wrote into build/; other files there stay
	@$(PYTHON) tools/clean.py build
	@rm -rf $(VENV) .tools
