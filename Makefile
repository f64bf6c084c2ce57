# sluice: build, test, demo. `make help` lists the targets.
#
# Layers, in order; a layer includes only itself and the ones to its right (tests/lib/check-includes):
#   cmd -> pool -> io -> policy -> task -> base      cmd -> providers -> task -> base
# Each layer is an archive in $(BUILD); tests link with their own layer and the ones below it.

BUILD   ?= build
CC      ?= cc
PREFIX  ?= /usr/local
PKGS     = rdkafka libcurl json-c yaml-0.1 libcrypto
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wold-style-definition -Wvla -Wformat=2 -Werror
OPT     ?= -O2 -g
VERSION := 0.1.0
CPPFLAGS = -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Icore -I. $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   = -std=gnu11 $(OPT) $(WARN) -fno-common -pthread $(SAN)
LDFLAGS  = -pthread $(SAN)
LIBS     = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lrocksdb -lhttp_parser -lm

LAYERS   = cmd pool io policy providers task base
DIR_cmd  = cmd
DIR_providers = providers
DIR_pool = core/pool
DIR_io   = core/io
DIR_policy = core/policy
DIR_task = core/task
DIR_base = core/base

find     = $(shell find $(1) -name '*.c' | sort)
objects  = $(patsubst %.c,$(BUILD)/%.o,$(1))
SRC_main = cmd/main.c
$(foreach l,$(LAYERS),$(eval SRC_$(l) := $(filter-out $(SRC_main),$(call find,$(DIR_$(l))))))
$(foreach l,$(LAYERS),$(eval LIB_$(l) := $(BUILD)/lib$(l).a))

# What a test of a layer links with.
NEED_base = base
NEED_task = task base
NEED_policy = policy task base
NEED_io = io policy task base
NEED_providers = providers task base
NEED_pool = pool io policy providers task base
NEED_cmd = cmd pool io policy providers task base

.PHONY: all
all: $(BUILD)/sluice

$(BUILD)/sluice: $(call objects,$(SRC_main)) $(foreach l,$(LAYERS),$(LIB_$(l)))
	$(CC) $(LDFLAGS) -o $@ $(call objects,$(SRC_main)) -Wl,--start-group $(foreach l,$(LAYERS),$(LIB_$(l))) -Wl,--end-group $(LIBS)

define layer_rule
$(LIB_$(1)): $(call objects,$(SRC_$(1)))
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Unit tests: tests/unit/<layer>/.../test_x.c -> $(BUILD)/tests/unit/<layer>/.../test_x
UNIT_SRC  := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort)
UNIT_BIN   = $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))
layer_of   = $(word 3,$(subst /, ,$(1)))

define unit_rule
$(BUILD)/$(1:.c=): $(BUILD)/$(1:.c=.o) $(foreach l,$(NEED_$(call layer_of,$(1))),$(LIB_$(l)))
	$(CC) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $(foreach l,$(NEED_$(call layer_of,$(1))),$(LIB_$(l))) -Wl,--end-group -lcriterion $(LIBS)
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit_rule,$(t))))

.PHONY: unit
unit: $(UNIT_BIN)
	@BUILD=$(BUILD) tests/lib/run-unit $(UNIT_BIN)

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
