# sluice: build, test, demo. `make help` lists the targets.
#
# Layers, in order; a layer includes only itself and the ones to its right (tests/lib/check-includes):
#   cmd -> pool -> io -> policy -> task -> base      cmd -> providers -> task -> base
# Each layer is an archive in $(BUILD); tests link with their own layer and the ones below it.
#
# This file must parse on a machine that has git and make only. So a target that may install packages
# starts a second make afterwards, which then sees the compiler and pkg-config.

BUILD   ?= build
CC      ?= cc
PREFIX  ?= /usr/local
PKGS     = rdkafka libcurl json-c yaml-0.1 libcrypto libmicrohttpd
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wold-style-definition -Wvla -Wformat=2 -Werror
OPT     ?= -O2 -g
VERSION := 0.1.0
PKG_CPPFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
CPPFLAGS = -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Icore -I. $(PKG_CPPFLAGS)
CFLAGS   = -std=gnu11 $(OPT) $(WARN) -fno-common -pthread $(SAN)
LDFLAGS  = -pthread -Wl,-z,relro,-z,now $(SAN)
# The sanitizers bring an allocator of their own.
ALLOC    = $(if $(SAN),,-ljemalloc)
LIBS     = $(PKG_LIBS) -lrocksdb -lhttp_parser -lcsv -lm $(ALLOC)

LAYERS   = cmd pool io policy providers task base
DIR_cmd  = cmd
DIR_providers = providers
DIR_pool = core/pool
DIR_io   = core/io
DIR_policy = core/policy
DIR_task = core/task
DIR_base = core/base
DIR_testlib = tests/lib
DIR_chaos = tests/chaos

find     = $(shell find $(1) -name '$(2)' 2>/dev/null | LC_ALL=C sort)
objects  = $(patsubst %.c,$(BUILD)/%.o,$(1))
programs = $(patsubst %.c,$(BUILD)/%,$(1))
archives = $(foreach l,$(1),$(LIB_$(l)))
group    = -Wl,--start-group $(call archives,$(1)) -Wl,--end-group
SRC_main = cmd/main.c
CHAOS_SRC = tests/chaos/check_history.c tests/chaos/proxy.c
CHAOS_CLOCK = $(BUILD)/tests/chaos/clock_jump.so
NO_LAYER = $(SRC_main) $(CHAOS_SRC) tests/chaos/clock_jump.c
$(foreach l,$(LAYERS) testlib chaos,$(eval SRC_$(l) := $(filter-out $(NO_LAYER),$(call find,$(DIR_$(l)),*.c))))
$(foreach l,$(LAYERS) testlib chaos,$(eval LIB_$(l) := $(BUILD)/lib$(l).a))

# What a test of a layer links with.
NEED_base = base
NEED_task = task base
NEED_policy = policy task base
NEED_io = testlib io policy task base
NEED_providers = providers task base
NEED_pool = testlib pool io policy providers task base
NEED_cmd = testlib cmd pool io policy providers task base
NEED_chaos = chaos policy task base

.PHONY: all
all: $(BUILD)/sluice ## build $(BUILD)/sluice (the default)

$(BUILD)/sluice: $(call objects,$(SRC_main)) $(call archives,$(LAYERS))
	$(CC) $(LDFLAGS) -o $@ $(call objects,$(SRC_main)) $(call group,$(LAYERS)) $(LIBS)

define layer_rule
$(LIB_$(1)): $(call objects,$(SRC_$(1)))
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS) testlib chaos,$(eval $(call layer_rule,$(l))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Its source takes these in as they are.
$(BUILD)/cmd/web/web.o: $(wildcard cmd/web/*.html cmd/web/*.js cmd/web/*.css)

# ---- programs of the tests ----
#
# program_rule: source, the layers to link with, libraries. Unit tests stand in the folder of their layer:
# tests/unit/<layer>/.../test_x.c -> $(BUILD)/tests/unit/<layer>/.../test_x
define program_rule
$(BUILD)/$(1:.c=): $(BUILD)/$(1:.c=.o) $(call archives,$(2))
	$(CC) $(LDFLAGS) -o $$@ $$< $(call group,$(2)) $(3)
endef
layer_of = $(word 3,$(subst /, ,$(1)))

UNIT_SRC        := $(call find,tests/unit,test_*.c)
INTEGRATION_SRC := $(call find,tests/integration,*.c)
BENCH_SRC       := $(call find,tests/bench,*.c)
RACE_SRC        := $(call find,tests/race,race_*.c)
FUZZ_SRC        := $(call find,tests/fuzz,fuzz_*.c)

# librdkafka starts threads that the thread sanitizer does not see and crashes under it, so the race
# programs link without it: one that reaches io/kafka does not link.
RACE_LIBS = $(filter-out -lrdkafka,$(LIBS))

$(foreach t,$(UNIT_SRC),$(eval $(call program_rule,$(t),$(NEED_$(call layer_of,$(t))),-lcriterion $$(LIBS))))
$(foreach t,$(INTEGRATION_SRC) $(BENCH_SRC),$(eval $(call program_rule,$(t),$(NEED_cmd),$$(LIBS))))
$(foreach t,$(CHAOS_SRC),$(eval $(call program_rule,$(t),$(NEED_chaos),$$(LIBS))))
$(foreach t,$(RACE_SRC),$(eval $(call program_rule,$(t),$(NEED_cmd),$$(RACE_LIBS))))
$(foreach t,$(FUZZ_SRC),$(eval $(call program_rule,$(t),$(NEED_cmd),-fsanitize=fuzzer $$(LIBS))))

# The program with a hook (core/base/hook.h) that stops it where a test wants to kill it.
$(BUILD)/sluice-stop: $(call objects,$(SRC_main) tests/hooks/stop.c) $(call archives,$(LAYERS))
	$(CC) $(LDFLAGS) -o $@ $(call objects,$(SRC_main) tests/hooks/stop.c) $(call group,$(LAYERS)) $(LIBS)

# Loaded into a worker, so without sanitizers.
$(CHAOS_CLOCK): tests/chaos/clock_jump.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu11 $(OPT) $(WARN) -shared -fPIC -o $@ $< -ldl

.PHONY: unit-programs integration-programs race-programs fuzz-programs bench-programs chaos-programs
unit-programs: $(call programs,$(UNIT_SRC))
integration-programs: $(BUILD)/sluice $(BUILD)/sluice-stop $(call programs,$(INTEGRATION_SRC) $(CHAOS_SRC))
race-programs: $(call programs,$(RACE_SRC))
fuzz-programs: $(call programs,$(FUZZ_SRC))
chaos-programs: $(BUILD)/sluice $(call programs,$(CHAOS_SRC)) $(CHAOS_CLOCK)
bench-programs: $(BUILD)/sluice $(call programs,$(BENCH_SRC))

# ---- what a machine needs ----

DEPS_BUILD = gcc libc6-dev make pkg-config librdkafka-dev libcurl4-openssl-dev libjson-c-dev \
	librocksdb-dev libyaml-dev libssl-dev libhttp-parser-dev libcsv-dev libmicrohttpd-dev libjemalloc-dev \
	ca-certificates curl jq
DEPS_CHECK = libcriterion-dev openssl kcat shellcheck clang clang-format cppcheck libclang-rt-14-dev \
	python3 python3-jsonschema python3-venv prometheus
DEPS_KAFKA = maven default-jre-headless
DEPS_NPM   = nodejs npm
DEPS_PAGE  = chromium chromium-driver
DEPS_OPS   = golang-go python3-venv systemd dpkg-dev lintian man-db groff-base mandoc zsh fish
DEPS_BENCH = valgrind
DEPS_CLIENTS = golang-go nodejs npm default-jdk-headless
INSTALL_DEPS = tests/lib/install-packages build/deps.log

.PHONY: deps deps-test deps-bench
deps: ## install the Debian packages for building and testing
	@$(INSTALL_DEPS) $(DEPS_BUILD) $(DEPS_CHECK)
deps-test: ## install what the tests with a real Apache Kafka, the vendors' packages and a browser need
	@tests/lib/need kafka >/dev/null || $(INSTALL_DEPS) $(DEPS_KAFKA)
	@tests/lib/need conformance >/dev/null || $(INSTALL_DEPS) $(DEPS_NPM)
	@tests/lib/need page >/dev/null || $(INSTALL_DEPS) $(DEPS_PAGE)
	@tests/lib/need ops >/dev/null || $(INSTALL_DEPS) $(DEPS_OPS)
	@tests/lib/need clients >/dev/null || $(INSTALL_DEPS) $(DEPS_CLIENTS)
	@tests/lib/need bench >/dev/null || $(INSTALL_DEPS) $(DEPS_BENCH)
# Unpacked and not installed: a package that is installed starts a server.
deps-bench: deps-test ## what `make bench` measures TLS with: Debian's nginx, into $(BUILD)/nginx
	@mkdir -p $(BUILD)/nginx && cd $(BUILD)/nginx && apt-get download -q nginx 2>log && dpkg -x nginx_*.deb .

.PHONY: demo
demo: ## a thousand prompts through Kafka, the cache and a failing provider
	@tests/lib/need build >/dev/null || $(MAKE) --no-print-directory deps DEPS_CHECK=
	@$(MAKE) --no-print-directory all
	@deploy/demo.sh

# ---- tests ----
#
# tests/run knows the stages, builds what each needs, and ends with one line of sums. CI=true: every stage,
# and a skipped test is a failed one.
export BUILD CC MAKE JOBS FUZZ_SECONDS
STAGES = style unit integration instructions
ifeq ($(CI),true)
STAGES = lint fmt-check style unit integration instructions asan tsan fuzz chaos
endif

.PHONY: test ci
test: ## style, unit and integration tests, counts of instructions; with CI=true everything there is
	@tests/lib/need check >/dev/null || $(MAKE) --no-print-directory deps
	@tests/run $(STAGES)
ci: ## what .ci/run runs: all stages, nothing skipped
	@CI=true $(MAKE) --no-print-directory deps deps-test
	@CI=true $(MAKE) --no-print-directory test

.PHONY: unit integration asan tsan fuzz lint fmt-check style
unit: ## unit tests
integration: ## tests/integration/test-*.sh; SCRIPT_JOBS=2 at a time
asan: ## unit and integration tests under the address and undefined behaviour sanitizers
tsan: ## the programs of tests/race under the thread sanitizer
fuzz: ## each fuzzer for FUZZ_SECONDS=20
lint: ## clang's warnings, cppcheck, shellcheck
fmt-check: ## is everything formatted?
style: ## include directions, sizes, banned functions
unit integration asan tsan fuzz lint fmt-check style:
	@tests/run $@

# N records on PARTITIONS partitions, WORKERS workers, BROKERS brokers (1 or 3), SEEDS runs from SEED on;
# CHAOS= kills (the default), rebalance, disks or all. tests/chaos/README.md says what is checked.
.PHONY: chaos
chaos: chaos-programs ## kill workers and brokers under load, then check every reply and call
	@tests/chaos/run

.PHONY: test-compose
test-compose: ## the stack of docker-compose.yml on a Docker engine, where one can be had
	@tests/compose/run

.PHONY: fmt bench bench-full bench-instructions bench-where bench-delivery bench-waiting bench-peers bench-model soak
fmt: ## clang-format on every source file
	@find cmd core providers tests -name '*.[ch]' -exec clang-format -i {} +
bench: bench-programs ## each path beside its own limit, into bench.json; BENCH_ROUNDS=3 BENCH_SECONDS=2
	@tests/bench/bench.py
bench-full: bench-programs ## the same with 10,000,000 stored answers and 1,000,000 waiting tasks
	@BENCH_FULL=1 tests/bench/bench.py
bench-instructions: bench-programs ## instructions of a hit and of a call beside those that are expected
	@tests/bench/instructions.sh check
bench-where: bench-programs ## what a worker spends its processor time on, by thread, library and function (needs perf)
	@tests/bench/where.py
bench-delivery: bench-programs $(BUILD)/sluice-stop ## a real Apache Kafka: how long a killed or stopped worker is missed
	@tests/bench/delivery.sh
bench-waiting: $(BUILD)/sluice ## what 100,000 waiting tasks cost
	@SLUICE=$(BUILD)/sluice tests/bench/waiting.sh
bench-peers: $(BUILD)/sluice $(BUILD)/tests/bench/peers/queue_load ## sluice beside its peers, on the same provider (PEERS="...", SCENARIOS="...", SCALE=0.1, CONTINUE=1)
	@BUILD=$(BUILD) tests/bench/peers/run
soak: bench-programs ## memory, store and latencies of a worker at full load for SOAK_SECONDS=1200
	@tests/bench/soak.py
bench-model: ## what 1,000 processes and 10^9 records a day would need, by bench.json and assumptions
	@tests/bench/model.py

# ---- install ----

MAN_DIR = $(BUILD)/man
.PHONY: man install uninstall clean help
man: $(BUILD)/sluice ## man pages into $(BUILD)/man
	@rm -rf $(MAN_DIR) && mkdir -p $(MAN_DIR)
	@$(BUILD)/sluice man >$(MAN_DIR)/sluice.1
	@$(BUILD)/sluice man sluice.yaml >$(MAN_DIR)/sluice.yaml.5
	@$(BUILD)/sluice man 7 >$(MAN_DIR)/sluice.7
	@set -e; for c in $$($(BUILD)/sluice --help | sed -n '/^Commands:/,/^$$/s/^  \([a-z-]*\) .*/\1/p'); do \
		$(BUILD)/sluice man $$c >$(MAN_DIR)/sluice-$$c.1; done

BIN_DIR    = $(DESTDIR)$(PREFIX)/bin
SHARE_DIR  = $(DESTDIR)$(PREFIX)/share
EXAMPLES   = $(SHARE_DIR)/doc/sluice/examples
SCHEMAS    = $(SHARE_DIR)/sluice/schemas
UNIT_DIR   = $(DESTDIR)$(PREFIX)/lib/systemd/system
USERS_DIR  = $(DESTDIR)$(PREFIX)/lib/sysusers.d
COMPLETIONS = bash:bash-completion/completions/sluice zsh:zsh/site-functions/_sluice \
	fish:fish/vendor_completions.d/sluice.fish

install: man ## install below $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BUILD)/sluice $(BIN_DIR)/sluice
	install -d $(SHARE_DIR)/man/man1 $(SHARE_DIR)/man/man5 $(SHARE_DIR)/man/man7 $(EXAMPLES) $(SCHEMAS) $(UNIT_DIR) $(USERS_DIR)
	install -m 644 $(MAN_DIR)/*.1 $(SHARE_DIR)/man/man1
	install -m 644 $(MAN_DIR)/*.5 $(SHARE_DIR)/man/man5
	install -m 644 $(MAN_DIR)/*.7 $(SHARE_DIR)/man/man7
	sed 's|@PREFIX@|$(PREFIX)|g' deploy/systemd/sluice-worker.service >$(UNIT_DIR)/sluice-worker.service
	install -m 644 deploy/systemd/sluice.conf $(USERS_DIR)/sluice.conf
	install -m 644 $(wildcard deploy/examples/*.*) $(EXAMPLES)
	install -D -m 644 -t $(EXAMPLES)/go deploy/examples/go/*
	install -m 644 deploy/schemas/* $(SCHEMAS)
	install -m 644 deploy/asyncapi.yaml $(SHARE_DIR)/sluice
	for c in $(COMPLETIONS); do \
		install -d $(SHARE_DIR)/$$(dirname $${c#*:}) && \
		$(BUILD)/sluice completion $${c%%:*} >$(SHARE_DIR)/$${c#*:} || exit 1; done

# The files of `make install` below /usr, in a directory of their own.
DEB_DIR = $(BUILD)/deb
.PHONY: deb
deb: $(BUILD)/sluice ## a Debian package in $(BUILD)/deb
	@rm -rf $(DEB_DIR) && mkdir -p $(DEB_DIR)
	@$(MAKE) --no-print-directory install DESTDIR=$(abspath $(DEB_DIR))/root PREFIX=/usr \
		MAN_DIR=$(DEB_DIR)/man >$(DEB_DIR)/log
	@deploy/debian/build $(DEB_DIR)/root $(VERSION) $(DEB_DIR)
	@rm -rf $(DEB_DIR)/root $(DEB_DIR)/man

uninstall: ## remove what install put there
	rm -f $(BIN_DIR)/sluice $(UNIT_DIR)/sluice-worker.service $(USERS_DIR)/sluice.conf
	rm -f $(SHARE_DIR)/man/man1/sluice.1 $(SHARE_DIR)/man/man1/sluice-*.1 $(SHARE_DIR)/man/man5/sluice.yaml.5 \
		$(SHARE_DIR)/man/man7/sluice.7
	rm -rf $(SHARE_DIR)/sluice $(SHARE_DIR)/doc/sluice
	for c in $(COMPLETIONS); do rm -f $(SHARE_DIR)/$${c#*:}; done

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

# Headers that each object was made from, as the compiler wrote them.
ALL_SRC = $(SRC_main) $(CHAOS_SRC) $(foreach l,$(LAYERS) testlib chaos,$(SRC_$(l))) $(UNIT_SRC) $(INTEGRATION_SRC) $(BENCH_SRC) \
	$(RACE_SRC) $(FUZZ_SRC)
-include $(wildcard $(patsubst %.c,$(BUILD)/%.d,$(ALL_SRC)))
