# Everything here sets itself up: a virtual environment in .venv, with what setup.cfg lists.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DEMO_RUNS := runs/demo

.PHONY: help demo race test lint prove oldest bench bench-quick bench-readme compare profile pictures
.PHONY: bugs results clean

help:
	@echo "make demo      train three small models from nothing, translate with them, draw pictures"
	@echo "make race      two LSTMs and a Transformer, trained on the same data and compared"
	@echo "make bugs      train a small model with each mistake that people make, and show what comes"
	@echo "               of it: curves, attention, and what check says, in demos/bugs/README.md"
	@echo "make results   train again what demos/results/README.md is of, and write its table: some"
	@echo "               twenty minutes"
	@echo "make test      run the whole test suite"
	@echo "make lint      check style, formatting and types"
	@echo "make prove     the long proof: mutants, random programs, memory, trainings killed at random"
	@echo "               moments, and the lowest versions that setup.cfg allows (make oldest)"
	@echo "make bench     training and decoding, timed beside PyTorch, JAX and others (bench-quick: a"
	@echo "               minute of it, bench-readme: for the README's table)"
	@echo "make compare   this checkout timed against another one: make compare OLD=../before"
	@echo "make profile   where a training step spends its time"
	@echo "make pictures  make the pictures of the README again"
	@echo "make clean     remove the virtual environment and all that was made (runs/ stays)"

demo: $(VENV)/pictures.done
	rm -rf $(DEMO_RUNS)
	@echo; echo "== Turning strings round: learned from nothing in about a minute"
	$(RUN) -m minitransformer train reverse --option longest=10 --steps 1600 --run $(DEMO_RUNS)/reverse
	$(RUN) -m minitransformer translate $(DEMO_RUNS)/reverse "abcdefghij" "cabbage"
	@echo; echo "== Numbers from English to French, 0 to 9,999"
	$(RUN) -m minitransformer train numbers --option largest=9999 --steps 1200 --run $(DEMO_RUNS)/numbers
	$(RUN) -m minitransformer evaluate $(DEMO_RUNS)/numbers --count 200
	$(RUN) -m minitransformer translate $(DEMO_RUNS)/numbers "nineteen" \
	    "seven hundred and ninety-four" "eight thousand, one hundred and one"
	@echo; echo "== English sentences to French"
	$(RUN) -m minitransformer train phrases --steps 1500 --workers 2 --run $(DEMO_RUNS)/phrases
	$(RUN) -m minitransformer translate $(DEMO_RUNS)/phrases "Where is my aunt's black cat?" \
	    "We bought an old lamp and we lost it." "The girls are not eating the apples."
	$(RUN) -m minitransformer graph $(DEMO_RUNS)/reverse --depth 1 --expand encoder --expand decoder
	@echo; echo "The pictures (loss, attention, graph): pictures/ in $(DEMO_RUNS)/reverse," \
	    "$(DEMO_RUNS)/numbers and $(DEMO_RUNS)/phrases; each has an index.html of its training"

race: $(VENV)/pictures.done
	rm -rf runs/demo-race
	$(RUN) -m minitransformer race --run runs/demo-race
	mkdir -p demos/pictures
	cp runs/demo-race/race.svg demos/pictures/race.svg

bugs: $(VENV)/pictures.done
	rm -rf runs/bugs
	$(RUN) demos/bugs/make.py

results: $(VENV)/pictures.done
	rm -rf runs/results
	$(RUN) demos/results/make.py

test: $(VENV)/test.done
	$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/lint.done
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m pyright --pythonpath $(RUN) minigrad minitransformer demos \
	    tests/minigrad/typed_uses.py tests/minitransformer/typed_uses.py

prove: $(VENV)/test.done oldest
	$(RUN) tests/minigrad/prove.py
	$(RUN) tests/minitransformer/prove.py
	$(RUN) tests/minitransformer/test_number_words.py

# The suite with the lowest versions that setup.cfg allows, in an environment of its own.
oldest: $(VENV)/test.done
	$(PYTHON) -m venv .venv-oldest
	$(RUN) tests/lowest.py > .venv-oldest/lowest.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint .venv-oldest/lowest.txt --editable ".[pictures,test]"
	.venv-oldest/bin/python -m pytest

bench: $(VENV)/bench.done
	$(RUN) tests/benchmarks/bench.py

bench-quick: $(VENV)/bench.done
	$(RUN) tests/benchmarks/bench.py --quick

bench-readme: $(VENV)/bench.done
	$(RUN) tests/benchmarks/bench.py --quick --into README.md

compare: $(VENV)/pictures.done
	@test -n "$(OLD)" || { echo "Name the checkout to compare with: make compare OLD=../before"; exit 1; }
	$(RUN) tests/benchmarks/compare.py $(OLD) $(NEW)

profile: $(VENV)/pictures.done
	$(RUN) tests/benchmarks/profile_step.py

pictures: demo race
	mkdir -p demos/pictures
	cp $(DEMO_RUNS)/numbers/pictures/attention-encoder-decoder.svg demos/pictures/attention.svg
	cp $(DEMO_RUNS)/numbers/pictures/loss.svg demos/pictures/loss.svg
	cp $(DEMO_RUNS)/reverse/pictures/graph.svg demos/pictures/graph.svg
	$(RUN) demos/pictures/make.py

clean:
	rm -rf $(VENV) .venv-oldest build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

# ---- the virtual environment, made anew when setup.cfg changes

$(VENV)/%.done: setup.cfg | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	@touch $@

$(VENV)/pictures.done: EXTRAS := pictures
$(VENV)/test.done: EXTRAS := pictures,test
$(VENV)/lint.done: EXTRAS := pictures,test,lint
$(VENV)/bench.done: EXTRAS := bench

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
