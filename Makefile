# A thin face over meson: the commands a person types. Everything else is in meson.build and tools/.
#
#   make build [B=DIR]   the program, DIR/wherry (DIR is `build` unless told)
#   make test            all tests that run at each commit; `make nightly` the slower list
#   make unit            the unit tests alone
#   make bench | fuzz | fmt | lint | golden
#   make up [NODES=N] | down | load IMAGE=FILE
B ?= build
NODES ?= 1
MESON_FLAGS ?=
PYTHON := /usr/bin/python3

.PHONY: build unit test nightly bench fuzz fmt lint golden up down load clean

$(B)/build.ninja:
	@meson setup $(B) $(MESON_FLAGS) >/dev/null || { meson setup $(B) $(MESON_FLAGS); exit 1; }

build: $(B)/build.ninja
	@ninja -C $(B) --quiet

unit: build
	@meson test -C $(B) --no-rebuild --suite unit --print-errorlogs

test: build
	@B=$(abspath $(B)) tools/test.sh commit

nightly: build
	@B=$(abspath $(B)) tools/test.sh nightly

bench: build
	@B=$(abspath $(B)) tools/bench.sh

fuzz:
	@tools/fuzz.sh

golden: build
	@B=$(abspath $(B)) tools/golden.sh

fmt:
	@git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs clang-format -i

lint:
	@tools/lint.sh

up:
	@NODES=$(NODES) tools/up.sh up

down:
	@tools/up.sh down

load:
	@tools/up.sh load "$(IMAGE)"

clean:
	@rm -rf $(B)
