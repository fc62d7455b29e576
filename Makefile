# For a machine that has Python 3.11 or newer, and make. `make help` lists what there is.
#
#   PYTHON=python3.12 make test    use this interpreter
#   make bench ARGS=--json         hand arguments on
#   WORKERS=1 make test            run the tests one after the other
#   VENV=/tmp/venv make test       put the virtual environment elsewhere

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

VENV ?= .venv
ARGS ?=
WORKERS ?= 2
BIN := $(VENV)/bin
# The tests of one file stay together: what they share is made once. Files begin in their order, so that long ones do
# not come last.
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
RUN := $(BIN)/python
PIP_INSTALL := $(RUN) -m pip --disable-pip-version-check install --quiet
CHECKED := $(wildcard src tests benchmarks examples build_backend setup.py)

# Stamps. Installing anew is needed only when one of these files has changed.
CREATED := $(VENV)/.created
INSTALLED := $(VENV)/.installed
PACKAGING := pyproject.toml setup.py $(wildcard build_backend/*.py)

# An environment knows its place and its interpreter by absolute paths: where either has gone, it is made again.
ifneq ($(wildcard $(CREATED)),)
ifneq ($(shell $(RUN) -c '' 2>/dev/null && cat $(CREATED)),$(CURDIR))
.PHONY: $(CREATED)
endif
endif

# Prints the first interpreter that is new enough, really runs (pyenv's stand-ins for versions that are not installed do
# not) and can make a virtual environment; its second word is the module that does so.
define FIND_PYTHON
new=; \
for python in $${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3 python}; do \
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
  new=$$python; \
  "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1 && { echo "$$python venv"; exit 0; }; \
  "$$python" -c 'import virtualenv' >/dev/null 2>&1 && { echo "$$python virtualenv"; exit 0; }; \
done; \
if [ -n "$$new" ]; then \
  echo "$$new cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; \
  echo "or virtualenv ($$new -m pip install virtualenv)." >&2; \
elif [ -n "$${PYTHON:-}" ]; then \
  echo "PYTHON=$$PYTHON is not a working Python 3.11 or newer." >&2; \
else \
  echo "Caxton needs Python 3.11 or newer, and none was found. Install one, or name it: make PYTHON=/path/to/python3" >&2; \
fi; \
exit 1
endef

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(INSTALLED)-demo shim ## watch agents work, and hostile ones being contained
	@$(BIN)/caxton demo $(ARGS)

.PHONY: example-research
example-research: $(INSTALLED)-demo,llm shim ## agents with tools: a question, a library, a report (ARGS='"a question"')
	@$(RUN) examples/research/run.py $(ARGS)

.PHONY: test
test: install shim lint types tests ## everything that must pass: style, types and tests

.PHONY: install
install: $(INSTALLED)-dev ## make the virtual environment and install what developing needs
	@:

.PHONY: lint
lint: $(INSTALLED)-dev ## check the style
	@$(call timed,ruff,$(BIN)/ruff check . && $(BIN)/ruff format --check .)

.PHONY: types
types: $(INSTALLED)-dev ## check the types
	@$(call timed,mypy,$(BIN)/mypy --strict $(CHECKED))

.PHONY: languages
languages: $(INSTALLED)-dev shim ## get what agents of every language are built with, and say what is missing
	@$(call timed,languages,$(RUN) -m tests.toolchain.provision)

.PHONY: tests
tests: $(INSTALLED)-dev shim languages ## run the tests (ARGS goes to pytest)
	@$(call timed,pytest,$(RUN) -m pytest -p tests.no_skips $(PARALLEL) $(ARGS))

.PHONY: format
format: $(INSTALLED)-dev ## lay out the source, and mend what can be mended mechanically
	@$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

.PHONY: bench
bench: $(INSTALLED)-bench shim ## measure Caxton beside the plain binding, Extism and asyncio
	@$(BIN)/caxton bench $(ARGS)

.PHONY: bench-languages
bench-languages: $(INSTALLED)-dev shim ## measure agents in each language: spawn, turn, memory, large messages
	@$(RUN) -m caxton.bench.languages $(ARGS)

.PHONY: bench-peers
bench-peers: $(INSTALLED)-bench shim ## also measure processes, containers, V8 isolates, Erlang, threads
	@bash benchmarks/peers/install.sh
	@$(RUN) -m benchmarks.peers $(ARGS)

.PHONY: conformance
conformance: $(INSTALLED)-dev shim ## prove what every language's agents do, and write the table of it (ARGS=LANGUAGE)
	@$(RUN) -m caxton.conformance $(if $(ARGS),$(ARGS),--write docs/reference/conformance.md)

.PHONY: shim
shim: ## compile the C shim again if its source has changed
	@$(RUN) build_backend/shim.py --if-stale
	@$(RUN) -m build_backend.native_abi

.PHONY: python
python: ## say which interpreter is used
	@$(FIND_PYTHON)

.PHONY: clean
clean: ## remove everything that make has made
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis benchmarks/peers/.node examples/*/build
	rm -rf src/*.egg-info src/caxton/sandbox/_shim.so src/caxton/sandbox/_shim.dylib src/caxton/sandbox/.shim-*
	find src tests benchmarks examples build_backend -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
	[ ! -e $(CREATED) ] || rm -rf $(VENV)

# Runs a command and says how long it took: $(call timed,name,command)
timed = began=$$(date +%s); code=0; { $(2); } || code=$$?; echo "$(1): $$(( $$(date +%s) - began )) s"; (exit $$code)

export PYTHON

# An environment that someone made by hand is used as it is; one that make has made is emptied first.
$(CREATED):
	@found=$$($(FIND_PYTHON)) && set -- $$found && \
	  echo "making $(VENV) with $$1 ($$("$$1" -V))" && \
	  { [ ! -e $@ ] || rm -rf $(VENV); } && "$$1" -m "$$2" $(VENV) && \
	  printf '%s\n' '$(CURDIR)' > $@

$(INSTALLED)-%: $(CREATED) $(PACKAGING)
	@echo "installing caxton[$*] and what it needs" && \
	  $(call timed,pip,$(PIP_INSTALL) --editable '.[$*]') && touch $@
