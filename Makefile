# Every target sets up what it needs: Python 3.10 or later, a C++ compiler and Java 17 or later must be there, the
# rest goes into .venv. The first run compiles llama.cpp; later ones start at once and need no network.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo "$$p" && exit; done; echo python3)
PIP := .venv/bin/python -m pip --no-input --disable-pip-version-check
# The lower bound in pyproject.toml is the release this is tested with: that one is compiled.
LLAMA := $(shell sed -n 's/.*"llama-cpp-python>=\([0-9.]*\).*/\1/p' pyproject.toml)

# Compiled here: libllama and ggml, not llama.cpp's tools. Libraries find those beside them. A header that every file
# reads is read once. Code and flags of what runs at inference stay as they are.
define LLAMA_CMAKE
set(LLAMA_BUILD_COMMON OFF)
set(CMAKE_INSTALL_RPATH "$$ORIGIN")
cmake_language(DEFER CALL target_precompile_headers llama PRIVATE
    "$$<$$<COMPILE_LANGUAGE:CXX>:$${CMAKE_CURRENT_SOURCE_DIR}/src/models/models.h>")
endef
export LLAMA_CMAKE

# $(call option,NAME,--flag): the flag with the variable's value, quoted for the shell, if it has one.
quote = '$(subst ','\'',$(value $(1)))'
option = $(if $(value $(1)),$(2)=$(call quote,$(1)))
# $(call failed,LOG): shows the end of the log, and stops.
failed = { tail -n 20 $(1); echo "Setting up failed: the whole log is $(1)"; exit 1; } >&2

.PHONY: help summarize dataset plan tune models bundle test check format bench eval fuzz faults scale serving test-airflow test-cluster test-long test-bundle test-spark35 install clean tools
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name text; do printf '%-13s %s\n' "$$name" "$$text"; done
	@printf '%s\n' '' 'make summarize takes:' \
	'  BOOK    a file, or a name from `cpullm corpora list` (default: the bundled sample)' \
	'  TASK    what is asked, as summarize,sentiment,names (default: summarize), or the path of a task file' \
	'  LIMIT   only the first so many pieces' \
	'  STRATEGY hierarchical, incremental, guided, coverage or lexrank (default: the one that is best for the model)' \
	'  LEVELS  chapter, part or book: how far up (default: book); WORDS, about how long; PROMPT, a file with your wording' \
	'  MODEL   a GGUF file, or a name from `cpullm models list`' \
	'  MASTER  a Spark master, as local[4] or spark://host:7077' \
	'  OUT     the folder to write to (default: summaries/<name>)' \
	'  ANSWERS where answers are kept as they come, a folder or hdfs://, s3:// (default: OUT/answers)' \
	'  FRESH   1 to forget the answers that are kept there' \
	'make dataset takes VALIDATION (the share of the documents for validation; default: 0.1) and OUT (default: datasets/<name>) as well.' \
	'make bench takes BOOK, MODEL and OUT (default: bench.json) as well, and:' \
	'  PART    one of split, compare, tasks, columns, spark, plan, machine, growth, variants, each within ten minutes (default: all)' \
	'  FORMAT  Q8_0 or Q4_0: compare all in this format of the weights (default: each in its fastest)' \
	'make eval takes FILE, rows {id, document, references} or {document, summary, label} as JSONL, and MODEL, LIMIT, WORDS' \
	'  (how long summaries are; default: as the references) and OUT (default: summaries/eval).' \
	'make bundle takes MODEL and BOOK as well, OUT (default: dist/cpullm-bundle), and SIGN, the SSH key to sign with.' \
	'Setting up takes PYTHON (the interpreter), JAVA_HOME, CXX (the compiler) and CMAKE_ARGS (for llama.cpp).'

summarize: .venv/.run ## Summarize BOOK, by default the bundled sample, with the starter model
	@.venv/bin/cpullm summarize $(if $(value BOOK),$(call quote,BOOK),sample) $(call option,TASK,--task) $(call option,LIMIT,--limit) \
	$(call option,MODEL,--model) $(call option,MASTER,--master) $(call option,OUT,--out) $(call option,ANSWERS,--answers) \
	$(call option,STRATEGY,--strategy) $(call option,LEVELS,--levels) $(call option,WORDS,--words) $(call option,PROMPT,--prompt) \
	$(if $(value FRESH),--fresh)

dataset: .venv/.run ## Make data for training from BOOK, documents without what they hold twice, in OUT; takes the same variables
	@.venv/bin/cpullm dataset $(if $(value BOOK),$(call quote,BOOK),sample) $(call option,TASK,--task) $(call option,LIMIT,--limit) \
	$(call option,MODEL,--model) $(call option,MASTER,--master) $(call option,OUT,--out) $(call option,ANSWERS,--answers) \
	$(call option,STRATEGY,--strategy) $(call option,LEVELS,--levels) $(call option,WORDS,--words) $(call option,PROMPT,--prompt) \
	$(call option,VALIDATION,--validation) $(if $(filter in-process,$(MASTER)),,--clean) $(if $(value FRESH),--fresh)

plan: .venv/.run ## Say what that would take of time and memory, and whether it fits; takes the same variables
	@.venv/bin/cpullm plan $(if $(value BOOK),$(call quote,BOOK),sample) $(call option,TASK,--task) $(call option,LIMIT,--limit) \
	$(call option,MODEL,--model) $(call option,MASTER,--master) \
	$(call option,STRATEGY,--strategy) $(call option,LEVELS,--levels) $(call option,WORDS,--words) $(call option,PROMPT,--prompt)

tune: .venv/.run ## Find the fast setting for MODEL on this CPU, in about a minute; it is used from then on
	@.venv/bin/cpullm tune $(if $(value MODEL),$(call quote,MODEL))

models: .venv/.run ## Fetch the starter model
	@.venv/bin/cpullm models pull smollm2-135m-instruct

bundle: .venv/.bundle .venv/.every-cpu-$(LLAMA) ## Make a bundle of MODEL and BOOK for machines without a network; in OUT, signed with SIGN
	@.venv/bin/cpullm bundle make --llama .venv/every-cpu/*.whl $(call option,MODEL,--model) $(call option,BOOK,--book) $(call option,OUT,--out) $(call option,SIGN,--sign)

test: .venv/.dev ## Run the tests
	@.venv/bin/python -m pytest -q -m 'not long'

test-long: .venv/.dev ## Run what takes too long for `make test`: random faults on a cluster, slow parts of the benchmark
	@.venv/bin/python -m pytest -q -m long tests/test_faults.py tests/test_bench.py

test-cluster: .venv/.dev ## Run all tests on a standalone cluster of this machine
	@.venv/bin/python -m pytest -q tests/test_cluster.py tests/test_submit.py tests/test_kubernetes.py

test-bundle: .venv/.dev .venv/.every-cpu-$(LLAMA) ## Make a bundle and use it where there is no network, which takes root to arrange
	@.venv/bin/python -m pytest -q tests/test_bundle.py

test-airflow: .venv/.dev .venv-airflow/.made ## Run docs/airflow under Airflow itself, in an environment of its own
	@.venv/bin/python -m pytest -q tests/test_airflow.py

bench: .venv/.bench ## Measure this machine and what else runs models on it: everything, or one PART
	@.venv/bin/cpullm bench $(if $(value PART),$(call quote,PART)) $(call option,BOOK,--book) $(call option,MODEL,--model) \
	$(call option,FORMAT,--format) $(call option,OUT,--out)

eval: .venv/.eval ## Score the model's summaries of FILE against what people wrote, beside systems without a model
	$(if $(value FILE),,$(error eval needs FILE, as FILE=my/references.jsonl; see docs/evaluation.md))
	@out=$(if $(value OUT),$(call quote,OUT),summaries/eval); .venv/bin/cpullm eval $(call quote,FILE) $(call option,MODEL,--model) \
	$(call option,LIMIT,--limit) $(call option,WORDS,--words) --answers "$$out/answers" --json "$$out/eval.json" --chart "$$out/eval.png" --texts "$$out/texts"

fuzz: .venv/.dev ## Read damaged files for SECONDS (60) a format; `make test` has a short form
	@.venv/bin/python -m tests.fuzz --seconds $(or $(value SECONDS),60)

faults: .venv/.dev ## Kill what runs on a cluster of this machine N (50) times at random
	@.venv/bin/python -m tests.faults --faults $(or $(value N),50)

scale: .venv/.dev ## Measure the driver with DOCUMENTS (5000,10000,20000) short documents on a cluster of this machine
	@.venv/bin/python -m tests.scale --documents $(or $(value DOCUMENTS),5000,10000,20000)

serving: .venv/.dev ## Measure how fast a model comes to up to HOSTS (2) at once, with and without the driver; takes root
	@.venv/bin/python -m tests.serving --hosts $(or $(value HOSTS),2)

test-spark35: .venv35/.made ## Run the tests that need Spark on Spark 3.5 as well
	@.venv35/bin/python -m pytest -q tests/test_spark*.py tests/test_partitions.py tests/test_submit.py tests/test_cluster.py

check: .venv/.dev ## Check style and types
	@.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy

format: .venv/.dev ## Rewrite the code in the project's style
	@.venv/bin/ruff check --fix && .venv/bin/ruff format

install: .venv/.run ## Set up .venv, and nothing else

clean: ## Remove .venv and what tools leave behind; fetched models, books and summaries stay
	@rm -rf .venv .venv35 .venv-airflow .*_cache .hypothesis build dist spark-warehouse metastore_db
	@find cpullm tests -name __pycache__ -prune -exec rm -rf {} +

# What pip cannot bring. One line says what is missing, before any work.
tools:
	@no() { echo "cpullm needs $$1" >&2; exit 1; }; \
	if [ ! -e .venv/.made ]; then \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
			no "Python 3.10 or later, which $(PYTHON) is not: apt-get install python3 python3-venv, or brew install python, or name one: make PYTHON=python3.12"; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || no "Python's venv module: apt-get install python3-venv"; \
	fi; \
	[ -e .venv/.llama-$(LLAMA) ] || printf '#include <thread>\n' | "$${CXX:-c++}" -std=c++17 -x c++ -fsyntax-only - 2>/dev/null || \
		no "a C++17 compiler, to compile llama.cpp: apt-get install g++, or xcode-select --install"; \
	java=$$("$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'); \
	[ "$${java:-0}" -ge 17 ] || \
		no "Java 17 or later, for Spark: apt-get install openjdk-17-jre-headless, or brew install openjdk@17 (and set JAVA_HOME)"

# Each stamp is written when its step is done: what was interrupted is done again.
.venv/.made: | tools
	@echo "Setting up .venv, once; the logs are .venv/*.log"
	@mkdir -p .venv && "$(PYTHON)" -m venv --clear .venv >/dev/null && touch $@

# $(call compile,CPU,FLAGS,FOLDER,LOG): llama.cpp's wheel into FOLDER, for what the shell command CPU prints. It is kept
# apart from pip's own cache: it holds less than other projects may want.
compile = key=$$({ uname -m; $(1); echo '$(2)' "$$CMAKE_ARGS"; } 2>/dev/null | cksum | cut -d ' ' -f 1); \
	compile() { env MAKEFLAGS= CMAKE_BUILD_PARALLEL_LEVEL="$$(getconf _NPROCESSORS_ONLN)" "$$@" $(PIP) wheel --no-deps --cache-dir "$${XDG_CACHE_HOME:-$$HOME/.cache}/cpullm/$$key" -w $(3) llama-cpp-python==$(LLAMA) >>$(4) 2>&1; }; \
	rm -rf $(3) $(4); printf '%s\n' "$$LLAMA_CMAKE" >.venv/llama.cmake; \
	compile SKBUILD_CMAKE_ARGS="$(2);-DCMAKE_PROJECT_llama.cpp_INCLUDE=$(CURDIR)/.venv/llama.cmake"

# The other packages are fetched while the compiler works.
.venv/.llama-$(LLAMA): .venv/.made
	@echo "Compiling llama.cpp for this CPU: 2 to 5 minutes on two cores, once"
	@sed -n '/^dependencies = \[/,/^\]/s/^ *"\([^"]*\)".*/\1/p' pyproject.toml | grep -v llama >.venv/requirements.txt
	@$(PIP) install -r .venv/requirements.txt >.venv/packages.log 2>&1 & trap 'kill $$! 2>/dev/null' EXIT; trap 'exit 130' HUP INT TERM; \
	$(call compile,grep -m 1 -E '^(flags|Features)' /proc/cpuinfo,-DLLAVA_BUILD=OFF,.venv/wheels,.venv/llama.log) || \
	{ grep -q 'Building wheel' .venv/llama.log && echo "That failed: compiling all of it, as it comes" && compile; } || \
	$(call failed,.venv/llama.log); wait $$!; trap - EXIT; \
	$(PIP) install .venv/wheels/*.whl >>.venv/llama.log 2>&1 || $(call failed,.venv/llama.log)
	@touch $@

# For a bundle: ggml's CPU kernels once for each level of this machine's architecture, in libraries beside llama.cpp's own.
.venv/.every-cpu-$(LLAMA): .venv/.made
	@echo "Compiling llama.cpp for every CPU of this kind: 5 to 15 minutes on two cores, once"
	@$(call compile,echo every,-DLLAVA_BUILD=OFF;-DGGML_NATIVE=OFF;-DGGML_BACKEND_DL=ON;-DGGML_CPU_ALL_VARIANTS=ON;-DCMAKE_INSTALL_BINDIR=llama_cpp/lib;-DCMAKE_INSTALL_LIBDIR=llama_cpp/lib,.venv/every-cpu,.venv/every-cpu.log) || \
	$(call failed,.venv/every-cpu.log)
	@touch $@

.venv/.run: pyproject.toml .venv/.llama-$(LLAMA)
	@echo "Installing the Python packages"
	@$(PIP) install -e '.[all]' >.venv/install.log 2>&1 || $(call failed,.venv/install.log)
	@touch $@

# Another pyspark before all else that .venv has.
.venv35/.made: .venv/.dev
	@echo "Installing Spark 3.5 into .venv35"
	@.venv/bin/python -m venv --without-pip .venv35
	@echo "import site; site.addsitedir('$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
	  >.venv35/all.pth && mv .venv35/all.pth .venv35/lib/python3*/site-packages/
	@$(PIP) --python .venv35/bin/python install --no-deps 'pyspark==3.5.*' 'py4j==0.10.9.7' >.venv35/install.log 2>&1 || $(call failed,.venv35/install.log)
	@touch $@

# cpullm is not in it: what its tasks start is the command of .venv.
.venv-airflow/.made: | .venv/.made
	@echo "Installing Airflow into .venv-airflow"
	@.venv/bin/python -m venv --clear .venv-airflow
	@$(PIP) --python .venv-airflow/bin/python install 'apache-airflow>=3,<4' >.venv-airflow/install.log 2>&1 || $(call failed,.venv-airflow/install.log)
	@touch $@

# A peer that has no package for this machine is left out of the comparison.
.venv/.bench: .venv/.run
	@echo "Installing what is measured beside this engine"
	@if $(PIP) install -e '.[bench]' >.venv/bench.log 2>&1; then touch $@; \
	else echo "Not all could be installed (the log is .venv/bench.log); what is missing is left out"; fi

.venv/.eval: .venv/.run
	@echo "Installing what scores summaries"
	@$(PIP) install -e '.[eval]' >.venv/install.log 2>&1 || $(call failed,.venv/install.log)
	@touch $@

.venv/.bundle: .venv/.run
	@echo "Installing what makes a bundle"
	@$(PIP) install -e '.[bundle]' >.venv/install.log 2>&1 || $(call failed,.venv/install.log)
	@touch $@

.venv/.dev: .venv/.run
	@echo "Installing the tools for tests and checks"
	@$(PIP) install -e '.[dev]' >.venv/install.log 2>&1 || $(call failed,.venv/install.log)
	@touch $@
