# tr-tools: one Makefile, not recursive.
#
#   make                     the tools, in bin/
#   make check               all tests (scripts/check installs what they need first)
#   make lint                the floors of lib/, warnings of a second compiler, man pages, scripts
#   make SAN=1 [check]       everything again under the address and undefined sanitizers
#   make bench               the benchmarks, on the shipped binaries
#   make verify-guarantee    the simulation of the guarantee, whole
#   make install uninstall   PREFIX= DESTDIR=

CC       ?= cc
PREFIX   ?= /usr/local
DESTDIR  ?=
BINDIR    = $(DESTDIR)$(PREFIX)/bin
MANDIR    = $(DESTDIR)$(PREFIX)/share/man
DOCDIR    = $(DESTDIR)$(PREFIX)/share/doc/tr-tools
VERSION  := 0.1.0

WARN      = -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wundef -Wvla
WERROR   ?=
CFLAGS   ?= -O2 -g
# No contraction of a*b+c into one rounding: scores must be the same bits on every machine.
FIXED     = -std=c17 -D_GNU_SOURCE -ffp-contract=off -fno-fast-math -pthread -Ilib -Isrc \
            -DTR_VERSION='"$(VERSION)"' $(WARN) $(WERROR)
LIBS      = -lcjson -llapacke -lopenblas -lutf8proc -lm
# The member xgb, where its library is there. Only what trains is linked with it.
ifneq ($(wildcard /usr/include/xgboost/c_api.h),)
FIXED    += -DTR_HAVE_XGBOOST
LIBS     += -Wl,--as-needed -lxgboost
endif

ifdef SAN
FLAVOUR  := san
CFLAGS   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
BIN      := build/san/bin
else
FLAVOUR  := $(notdir $(firstword $(CC)))
BIN      := bin
endif
BUILD    := build/$(FLAVOUR)

LIB_C    := $(wildcard lib/*/*.c)
LIB_O    := $(LIB_C:%.c=$(BUILD)/%.o)
TOOL_C   := $(wildcard src/tr-*.c)
TOOLS    := $(TOOL_C:src/%.c=$(BIN)/%)
SHARED_C := $(filter-out $(TOOL_C),$(wildcard src/*.c))
SHARED_O := $(SHARED_C:%.c=$(BUILD)/%.o)
SCRIPTS  := $(wildcard src/tr-*.sh)
SCRIPTED := $(SCRIPTS:src/%.sh=$(BIN)/%)
UNIT_C   := $(wildcard tests/unit/*.c)
UNITS    := $(UNIT_C:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_C   := $(wildcard fuzz/*.c)
FUZZERS  := $(FUZZ_C:fuzz/%.c=$(BUILD)/fuzz/%)
FAULT_C  := $(wildcard tests/faults/*.c)
FAULTS   := $(FAULT_C:tests/faults/%.c=$(BUILD)/faults/%)
SIM_C    := $(wildcard bench/*.c)
SIMS     := $(SIM_C:bench/%.c=$(BUILD)/bench/%)
PAGES    := $(wildcard man/*.[0-9])
EXAMPLES := $(wildcard samples/refit.mk samples/tr-refit.*) scripts/teacher-openai

all: $(TOOLS) $(SCRIPTED)

$(BUILD)/libtr.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FIXED) $(CFLAGS) -MMD -MP -c -o $@ $<

# The kernels: unrolled and vectorized, whatever CFLAGS says for the rest.
ifndef SAN
$(BUILD)/lib/maths/%.o $(BUILD)/lib/models/%.o $(BUILD)/lib/zoo/%.o: CFLAGS += -O3
endif

$(BIN)/tr-%: $(BUILD)/src/tr-%.o $(SHARED_O) $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -Wl,--as-needed -o $@ $^ $(LDFLAGS) $(LIBS)

$(BIN)/tr-%: src/tr-%.sh
	@mkdir -p $(@D)
	install -m 755 $< $@

$(BUILD)/unit/% $(BUILD)/fuzz/% $(BUILD)/bench/%: FIXED += -Itests/unit
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBS)
$(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBS)
$(BUILD)/faults/%: $(BUILD)/tests/faults/%.o $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBS)
$(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBS)

units: $(UNITS)
fuzzers: $(FUZZERS)
faults: $(FAULTS)
sims: $(SIMS)

check: all units fuzzers faults sims
	BUILD=$(BUILD) BIN=$(BIN) tests/run

lint:
	scripts/lint

bench: all
	bench/run

verify-guarantee: $(BUILD)/bench/verify-guarantee
	$(BUILD)/bench/verify-guarantee

install: all
	install -d $(BINDIR) $(DOCDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7
	install -m 755 $(TOOLS) $(SCRIPTED) $(BINDIR)
	for p in $(PAGES); do install -m 644 $$p $(MANDIR)/man$${p##*.}; done
	install -m 644 README.md LICENSE $(DOCDIR)
	install -d $(DOCDIR)/examples
	install $(EXAMPLES) $(DOCDIR)/examples

uninstall:
	for t in $(notdir $(TOOLS) $(SCRIPTED)); do rm -f $(BINDIR)/$$t; done
	for p in $(notdir $(PAGES)); do rm -f $(MANDIR)/man$${p##*.}/$$p; done
	rm -rf $(DOCDIR)

clean:
	rm -rf build bin

.PHONY: all units fuzzers faults sims check lint bench verify-guarantee install uninstall clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(LIB_O:.o=.d) $(SHARED_O:.o=.d) $(TOOL_C:%.c=$(BUILD)/%.d)
-include $(UNIT_C:%.c=$(BUILD)/%.d) $(FUZZ_C:%.c=$(BUILD)/%.d) $(SIM_C:%.c=$(BUILD)/%.d) \
         $(FAULT_C:%.c=$(BUILD)/%.d)
