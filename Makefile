# Everything on a bare machine: Python 3.11 or newer and make suffice; the environment stands in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYSIDE := .venv-pyside
DEMO_OUT ?= demo-results

# The virtual environment's own module (Debian packs it apart), and what a Qt window without a
# screen needs.
SYSTEM_LIBS := xvfb xauth libegl1 libgl1 libopengl0 libglx-mesa0 libxkbcommon-x11-0 libdbus-1-3 \
	libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 \
	libxcb-shape0 libxcb-xinerama0

# Where there is no screen, Xvfb is one.
XVFB := xvfb-run -a -s "-screen 0 1920x1080x24"
DESKTOP := $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname)))
SCREEN := $(if $(DESKTOP),,$(XVFB))
# Whether a window can be had at all.
WINDOW := $(BIN)/python -c 'from qtpy.QtWidgets import QApplication; QApplication([])'

.PHONY: help demo test test-all test-pyside coverage lint docs pictures flair-synth clean system-libs
.DELETE_ON_ERROR:

help:
	@echo "make demo         segment a synthetic subject, results in $(DEMO_OUT)/, and show it in the viewer"
	@echo "make test         run the tests"
	@echo "make test-all     run the long tests as well"
	@echo "make test-pyside  run the viewer's tests with PySide6 in place of PyQt6, in $(PYSIDE)"
	@echo "make coverage     run the tests and report which lines they reach"
	@echo "make lint         ruff and mypy"
	@echo "make docs         build the documentation in site/"
	@echo "make pictures     draw the pictures of the README anew"
	@echo "make clean        remove results, builds and caches (.venv stays)"

# Without a display the viewer's window becomes a picture beside the results; where no X server can
# be started either, the results alone are worth having.
demo: $(VENV)/.installed
	$(BIN)/anofpdm demo --out $(DEMO_OUT) --overwrite --keep-analysis
	@if [ -n "$(DESKTOP)" ] && $(WINDOW) 2>/dev/null; then \
		$(BIN)/python -m napari_anofpdm.app.demo $(DEMO_OUT); \
	elif $(XVFB) $(WINDOW) >/dev/null 2>&1; then \
		NAPARI_CONFIG= $(XVFB) $(BIN)/python -m napari_anofpdm.app.demo $(DEMO_OUT) \
			--picture $(DEMO_OUT)/window.png \
		&& echo "The viewer's window: $(DEMO_OUT)/window.png"; \
	else \
		echo "No picture of the viewer's window: there is no display, and Xvfb cannot be started."; \
	fi

pictures: $(VENV)/.installed
	$(SCREEN) $(BIN)/python docs/make_pictures.py

# One thread a worker: more of them only fight for the cores. Whoever is done takes over what is
# left to the other. Many tests start processes: compiled modules spare each of them a second.
test: $(VENV)/.installed
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(SCREEN) $(BIN)/python -m pytest -n 2 --dist worksteal

# With the tests of ten seconds and more, which `test` leaves to the night, and with napari's window
# for every viewer: most tests of the plugin do without it in `test`.
test-all: $(VENV)/.installed
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(SCREEN) $(BIN)/python -m pytest -n 2 --dist worksteal -m "" --windows

# In an environment of its own: with both bindings in one, pytest-qt takes PySide6 unasked.
test-pyside: $(PYSIDE)/.installed
	OMP_NUM_THREADS=1 QT_API=pyside6 PYTEST_QT_API=pyside6 $(SCREEN) \
		$(PYSIDE)/bin/python -m pytest -n 2 --dist worksteal --windows tests/plugin

# Apart from `make test`: measuring slows the tests.
coverage: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(SCREEN) $(BIN)/python -m pytest -n 2 --dist worksteal --cov

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Strict: a broken link, a page outside of the navigation or a bad docstring fails the build.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "The site: site/index.html"

# The bundled model again, from nothing: some nine hours of training on two cores (docs/models/flair-synth.md).
MODEL_OUT ?= model-results
TRAIN_MODEL := $(BIN)/anofpdm train --processes 2 --device cpu
flair-synth: $(VENV)/.installed
	$(BIN)/anofpdm phantom-dataset --seeds 2900:4500 --size 64 --lesion-mm2 100 --twins \
		--out $(MODEL_OUT)/stage1.zarr
	$(TRAIN_MODEL) docs/models/flair-synth-stage1.toml --dataset $(MODEL_OUT)/stage1.zarr \
		--out $(MODEL_OUT)/stage1
	$(BIN)/anofpdm phantom-dataset --seeds 4500:5800 --size 64 --lesion-mm2 100 --twins \
		--intensity volume_median --out $(MODEL_OUT)/stage2.zarr
	$(TRAIN_MODEL) docs/models/flair-synth-stage2.toml --dataset $(MODEL_OUT)/stage2.zarr \
		--out $(MODEL_OUT)/stage2 --start-from $(MODEL_OUT)/stage1/bundle
	$(BIN)/anofpdm phantom-dataset --seeds 40360:41960 --size 64 --lesion-mm2 60 --twins \
		--intensity volume_median --out $(MODEL_OUT)/stage3.zarr
	$(TRAIN_MODEL) docs/models/flair-synth-stage3.toml --dataset $(MODEL_OUT)/stage3.zarr \
		--out $(MODEL_OUT)/stage3 --start-from $(MODEL_OUT)/stage2/bundle
	$(BIN)/anofpdm phantom-dataset --seeds 42000:42800 --size 96 --lesion-mm2 40 --twins \
		--intensity volume_median --out $(MODEL_OUT)/stage4.zarr
	$(TRAIN_MODEL) docs/models/flair-synth-stage4.toml --dataset $(MODEL_OUT)/stage4.zarr \
		--out $(MODEL_OUT)/stage4 --start-from $(MODEL_OUT)/stage3/bundle
	$(BIN)/anofpdm phantom-dataset --seeds 43000:43800 --size 96 --lesion-mm2 40 --twins \
		--intensity volume_median --out $(MODEL_OUT)/stage5.zarr
	$(TRAIN_MODEL) docs/models/flair-synth-stage5.toml --dataset $(MODEL_OUT)/stage5.zarr \
		--out $(MODEL_OUT)/stage5 --start-from $(MODEL_OUT)/stage4/bundle
	$(TRAIN_MODEL) docs/models/flair-synth-stage6.toml --dataset $(MODEL_OUT)/stage5.zarr \
		--out $(MODEL_OUT)/stage6 --start-from $(MODEL_OUT)/stage5/bundle
	$(BIN)/anofpdm phantom-dataset --seeds 44000:44850 --size 96 --extent-mm 192 --lesion-mm2 40 --twins \
		--intensity volume_median --out $(MODEL_OUT)/slices.zarr
	$(TRAIN_MODEL) docs/models/flair-synth.toml --dataset $(MODEL_OUT)/slices.zarr \
		--out $(MODEL_OUT)/run --start-from $(MODEL_OUT)/stage6/bundle
	$(BIN)/anofpdm select-guidance --bundle $(MODEL_OUT)/run/bundle \
		--dataset $(MODEL_OUT)/slices.zarr --out $(MODEL_OUT)/flair-synth \
		--rule absolute --criterion balanced --threshold-fraction 0.98 --polarity hyperintense \
		--candidates 0,1,2,4 --precision bfloat16 \
		--steps 6 --t-max 200 --extent 0.5 --median 1 --min-component-pixels 6

clean:
	rm -rf $(DEMO_OUT) build dist site .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src_core napari_anofpdm tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# What is missing is installed by root and named to anyone else; neither can stop the rest.
system-libs:
	@command -v dpkg >/dev/null && command -v apt-get >/dev/null || exit 0; \
	missing=; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing=python3-venv; \
	for package in $(SYSTEM_LIBS); do \
		dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	command="apt-get install -y --no-install-recommends $$missing"; \
	if [ "$$(id -u)" -ne 0 ]; then \
		echo "Missing system packages; install them with: sudo $$command"; exit 0; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq && $$command -qq >/dev/null \
		|| echo "System packages could not be installed (going on without): $$missing"

$(BIN)/python $(PYSIDE)/bin/python: %/bin/python: | system-libs
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $*

# The pip of a fresh environment may be older than dependency groups (25.1).
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing PyTorch, napari and the tests' packages into $(VENV): some minutes, 2.4 GB."
	$(BIN)/python -m pip install --quiet -c constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[napari]' --group test
	@touch $@

$(VENV)/.installed-lint $(VENV)/.installed-docs: $(VENV)/.installed-%: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt --group $*
	@touch $@

$(PYSIDE)/.installed: pyproject.toml constraints.txt | $(PYSIDE)/bin/python
	$(PYSIDE)/bin/python -m pip install --quiet -c constraints.txt --upgrade pip
	$(PYSIDE)/bin/python -m pip install --quiet -c constraints.txt -e . 'napari[pyside6]' --group test
	@touch $@
