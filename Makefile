# Every target makes the environment first and reuses it while pyproject.toml is unchanged.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := trimformer-demo
WORKERS ?= 2

.PHONY: install demo test check coverage niivue clean
install: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Trimformer needs Python >= 3.11, this is " + sys.version.split()[0] + "; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[all]'
	@touch $@

demo: $(STAMP)
	$(BIN)/trimformer demo --out $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

coverage: $(STAMP)
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

# The program of the volumes page anew, as npm has it; src/trimformer/report/volumes/niivue/README.md says more.
NIIVUE := src/trimformer/report/volumes/niivue
niivue:
	npm pack --silent --pack-destination $(NIIVUE) @niivue/niivue@0.69.0
	tar --extract --gzip --file $(NIIVUE)/niivue-niivue-0.69.0.tgz --directory $(NIIVUE) --strip-components 2 package/dist/niivue.umd.js
	rm $(NIIVUE)/niivue-niivue-0.69.0.tgz
	cd $(NIIVUE) && sha256sum --check SHA256SUMS

clean:
	rm -rf $(VENV) $(DEMO) runs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
