# The front door of confab: `make` alone lists what there is.
#
# Every target does its own set-up, once: .venv is made with $(PYTHON) and confab is installed into it, so that a fresh
# machine needs nothing but make and Python 3.11 or newer with venv. It is done again when pyproject.toml changes, and
# several terminals may start it at the same moment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed
DEVELOP := $(VENV)/.installed-dev
SITE := $(VENV)/.installed-docs

# What people say reaches the recipes through the environment, so that quotes, blanks and `$` stay what they are.
override NICK := $(value NICK)
override TEXT := $(value TEXT)
export NICK TEXT

.DEFAULT_GOAL := help
.PHONY: help install demo broker client announce test check bench torture screenshots docs catalogues clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(RUNTIME) ## Install confab into .venv (the other targets do it by themselves)

demo: $(RUNTIME) ## Watch a lively session of several people, in this terminal; faster with ARGS="--speed 2"
	@exec $(BIN)/confab demo $(ARGS)

broker: $(RUNTIME) ## Start the broker here; options in ARGS="--bind tcp://0.0.0.0:5577"
	@exec $(BIN)/confab-broker $(ARGS)

client: $(RUNTIME) ## Talk: make client NICK=alice
	@test -n "$$NICK" || { echo 'Say who you are, as in: make client NICK=alice' >&2; exit 2; }
	@exec $(BIN)/confab chat "$$NICK" $(ARGS)

announce: $(RUNTIME) ## Tell everyone: make announce TEXT="Deploy at five"
	@test -n "$$TEXT" || { echo 'Say what to announce, as in: make announce TEXT="Deploy at five"' >&2; exit 2; }
	@exec $(BIN)/confab announce $${NICK:+--as "$$NICK"} $(ARGS) -- "$$TEXT"

# Two at a time: half of them wait for processes; with more, those that measure time would measure each other.
test: $(DEVELOP) ## Run the tests; options in ARGS="-k rooms"
	@exec $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: $(DEVELOP) ## Run exactly what CI runs: lint, types, site, tests, and the wheel in use
	@exec .ci/run

bench: $(RUNTIME) ## Measure confab beside its peers (about five minutes); one workload in ARGS="direct"
	@exec $(BIN)/python -m benchmarks $(ARGS)

torture: $(DEVELOP) ## Test reliability under faults (about 50 minutes); one row in ARGS="kills", shorter with --short
	@exec $(BIN)/python -m torture $(ARGS)

screenshots: $(DEVELOP) ## Make the pictures of README and docs from real sessions (needs tmux); one scene in ARGS="joke"
	@exec $(BIN)/python -m screenshots $(ARGS)

docs: $(SITE) ## Serve the documentation as a site on http://127.0.0.1:8000; options in ARGS="-a 127.0.0.1:8001"
	@NO_MKDOCS_2_WARNING=1 exec $(BIN)/mkdocs serve $(ARGS)

catalogues: $(DEVELOP) ## Collect new texts for translation, and compile what is translated
	@exec $(BIN)/python -m tests.catalogues

clean: ## Remove all that was made here: .venv, caches, built packages (never messages or keys)
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up ----------------------------------------------------------------------------------------------------------

# One terminal sets up while the others wait: runs the shell command behind it with a lock on this file.
LOCKED := -c 'import fcntl, os, sys; lock = os.open("Makefile", os.O_RDONLY); fcntl.flock(lock, fcntl.LOCK_EX); \
	os.set_inheritable(lock, True); os.execvp("sh", ["sh", "-ec", sys.argv[1]])'
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo 'confab needs Python 3.11 or newer, and there is no "$(PYTHON)" here; name yours: make PYTHON=python3.12' >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "confab needs Python 3.11 or newer, and $(PYTHON) is $$("$(PYTHON)" --version 2>&1);" \
			'name another: make PYTHON=python3.12' >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo '$(PYTHON) cannot make virtual environments; install its venv module (Debian: apt install python3-venv)' >&2; exit 1; }
	@echo 'Setting up confab in $(VENV), once; this takes a moment ...' >&2
	@"$(PYTHON)" $(LOCKED) 'test -x $@ || "$(PYTHON)" -m venv $(VENV)'

# $(1): what to install, $(2): the stamps that say so. A .venv made by uv has no pip.
define install
	@$(BIN)/python $(LOCKED) 'test $@ -nt pyproject.toml -a $@ -nt $(BIN)/python || { \
		$(PIP) --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
		$(PIP) install --editable "$(1)" && touch $(2); }'
endef

$(RUNTIME): pyproject.toml $(BIN)/python
	$(call install,.,$@)

$(DEVELOP): pyproject.toml $(BIN)/python
	$(call install,.[dev],$@ $(RUNTIME))

$(SITE): pyproject.toml $(BIN)/python
	$(call install,.[docs],$@ $(RUNTIME))
