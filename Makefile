# Shortcuts over CMakePresets.json. `make demo`, `check` and `kernel-report` also install what is missing.
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
SOURCES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')

MAKEFLAGS += --no-print-directory

.NOTPARALLEL:
.PHONY: build deps demo check kernel-report tuned format clean

build:
	cmake --preset release
	cmake --build --preset release -j $(JOBS)

deps:
	@sh .ci/deps build

demo: deps build
	mkdir -p build/demo
	build/ocelli train lenet5_relu --data models/digits --held-out 360 --epochs 15 --rate 0.02 --nesterov \
	    --weight-decay 5e-4 --rate-every 5 --rate-decay 0.3 --show 6 \
	    --output build/demo/lenet5.safetensors --curve build/demo/lenet5

check:
	@sh .ci/deps build check
	cmake --preset release $(if $(CI),-DCMAKE_COMPILE_WARNING_AS_ERROR=ON)
	cmake --build --preset release -j $(JOBS)
	cmake --preset asan
	cmake --build --preset asan -j $(JOBS)
	ctest --preset release -j $(JOBS)
	ctest --preset asan -j $(JOBS)

# UPDATE=1 rewrites tests/golden/kernel_report.csv.
kernel-report:
	@sh .ci/deps build check report
	cmake --preset release
	cmake --build --preset release -j $(JOBS) --target list_programs
	python3 tests/report/kernel_report.py --programs build/tests/report/list_programs --kernels cl --jobs $(JOBS) \
	    --golden tests/golden/kernel_report.csv --output build/kernel_report.csv $(if $(UPDATE),--update) || [ $$? -eq 77 ] # nothing to compile with

# Measures the networks NETS for BUDGET seconds on this machine, which should have nothing else to do, and rewrites the
# records that ship for CPUs like its own. NETS= only takes out what was measured with other kernels.
NETS ?= --all
BUDGET ?= 7200
RECORDS = cl/tuned/pocl.txt
tuned: build
	rm -f build/tuned.db build/records.txt
	OCELLI_TUNING_DB=build/tuned.db build/ocelli-bench tune --device cpu \
	    $(if $(shell grep -sv '^\#' $(RECORDS)),--import $(RECORDS)) \
	    $(if $(NETS),$(NETS) --budget $(BUDGET)) --export build/records.txt || [ -z "$(NETS)" ] # nothing is left
	touch build/records.txt
	sed 1q build/records.txt > $(RECORDS)
	awk -f cl/tuned/pack.awk build/records.txt build/records.txt | LC_ALL=C sort >> $(RECORDS)

format:
	clang-format -i $(SOURCES)

clean:
	cmake -E rm -rf build
