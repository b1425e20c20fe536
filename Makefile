# SPDX-License-Identifier: Apache-2.0
# The front door. The build itself is CMake's: see CMakeLists.txt and CMakePresets.json.
#
#   make          build the library, the command and the examples      (build/release)
#   make scale    how a model scales over threads on this machine      (SCALE_ARGS=...)
#   make test     every test; unit and concurrency suites again under the sanitizers
#   make stress   64 threads x 10^6 requests and more, every result compared  (STRESS_ARGS=...)
#   make nightly  10^8 events of the running code, replayed against the models' properties
#   make bench    ours and the peers, side by side                     (BENCH_ARGS=...)
#   make figures  whether the ceilings, predictions and advice that scale tells are right
#   make verify   the models of the concurrent parts, searched     (VERIFY_ARGS=--large)
#   make install  into PREFIX (/usr/local)
#   make deps     only install what the above need
PREFIX     ?= /usr/local
JOBS       ?= $(shell nproc)
SCALE_ARGS ?=
BENCH_ARGS ?=
VERIFY_ARGS ?=
STRESS_ARGS ?=

configure = cmake --preset $(1) $(2) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }
compile   = cmake --build --preset $(1) --parallel $(JOBS) $(2)

.PHONY: all deps scale test test-all stress nightly check-clang bench figures verify install coverage clean
all: build/.deps-build
	@$(call configure,release)
	@$(call compile,release,--target product)

deps:
	@sh tools/deps.sh build test

build/.deps-%: tools/deps.sh FORCE
	@sh tools/deps.sh $* && mkdir -p build
.PHONY: FORCE
FORCE:

scale: all
	@build/release/tributary scale $(SCALE_ARGS)
	@if [ -x build/release/examples/digits/digits ]; then build/release/examples/digits/digits; fi

# One run of CTest over three build trees, so that its closing line speaks for all of them.
# The sanitizers read /proc; a bare chroot may have none.
ifneq ($(wildcard /proc/self/maps),)
TEST_TREES = release asan tsan
else
TEST_TREES = release
test: NOTE = echo "/proc is not mounted: the sanitizer runs are left out (mount -t proc proc /proc)"
endif
NOTE ?= true
test: TEST_FILTER = -L gate
test test-all: build/.deps-build build/.deps-test
	@$(NOTE)
	@for tree in $(TEST_TREES); do $(call configure,$$tree) && $(call compile,$$tree) || exit 1; done
	@echo "subdirs($(TEST_TREES))" >build/CTestTestfile.cmake
	@ctest --test-dir build $(TEST_FILTER) --parallel $(JOBS) --output-on-failure \
		--no-tests=error --no-label-summary

bench: build/.deps-build build/.deps-bench
	@$(call configure,release,-DTRIB_BENCH=ON)
	@$(call compile,release)
	@python3 bench/own_cost.py build/release/bench/own_cost
	@python3 bench/bench.py --bin build/release/bench $(BENCH_ARGS)
	@python3 bench/allocator.py --bin build/release/bench $(filter --quick,$(BENCH_ARGS))
	@for design in cached shards8 shards1; do build/release/bench/fragmentation $$design; done
	@python3 bench/contention.py --bin build/release/bench $(filter --quick,$(BENCH_ARGS))

figures: build/.deps-build build/.deps-bench
	@$(call configure,release,-DTRIB_BENCH=ON)
	@$(call compile,release)
	@build/release/bench/predictions check 200
	@build/release/bench/advice_model 24
	@python3 bench/planted.py --tributary build/release/tributary \
		--predictions build/release/bench/predictions
	@python3 bench/closure.py build/release/tributary
	@python3 bench/repeat.py build/release/tributary

stress: build/.deps-build build/.deps-test
	@$(call configure,release) && $(call compile,release)
	@python3 -B tests/stress/stress.py --bin build/release/tests $(STRESS_ARGS)

nightly: build/.deps-build build/.deps-test
	@$(call configure,release) && $(call compile,release)
	@ctest --preset nightly

verify: build/.deps-verify
	@python3 verify/run.py $(VERIFY_ARGS)

install: all
	@cmake --install build/release --prefix $(PREFIX)
	@if [ "$$(id -u)" = 0 ] && [ -z "$(DESTDIR)" ]; then ldconfig; fi

check-clang: build/.deps-test
	@$(call configure,clang) && $(call compile,clang)

coverage: build/.deps-test
	@$(call configure,coverage) && $(call compile,coverage)
	@ctest --preset coverage --parallel $(JOBS) --quiet
	@python3 tools/coverage.py build/coverage

clean:
	@rm -rf build
