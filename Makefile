# tr-tools: one Makefile, not recursive.
#
#   make                     the tools, in bin/
#   make check               all tests (scripts/check installs what they need first)
#   make lint                the floors of lib/, warnings of a second compiler, man pages, scripts
#   make SAN=1 [check]       everything again under the address and undefined sanitizers
#   make bench               the benchmarks, on the shipped binaries
#   make verify-guarantee    the simulation of the guarantee, whole
#   make library             libtrroute, shared and static, in build/cc/library
#   make completion          completions of bash and zsh, in build/cc/completion
#   make install uninstall   PREFIX= DESTDIR=, and BINDIR= MANDIR= ... as below
#   make deb                 a Debian package, in build/

CC       ?= cc
NM       ?= nm
OBJCOPY  ?= objcopy
PREFIX   ?= /usr/local
DESTDIR  ?=
# Where things are once installed; DESTDIR goes before them only while they are put there.
BINDIR   ?= $(PREFIX)/bin
DATADIR  ?= $(PREFIX)/share
LIBDIR   ?= $(PREFIX)/lib
INCDIR   ?= $(PREFIX)/include
MANDIR   ?= $(DATADIR)/man
DOCDIR   ?= $(DATADIR)/doc/tr-tools
BASHDIR  ?= $(DATADIR)/bash-completion/completions
ZSHDIR   ?= $(DATADIR)/zsh/site-functions
VERSION  := 0.1.0

WARN      = -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wundef -Wvla
WERROR   ?=
CFLAGS   ?= -O2 -g
LDFLAGS  ?= -Wl,-z,relro,-z,now
# No contraction of a*b+c into one rounding: scores must be the same bits on every machine. And the
# same objects for the tools and for libtrroute (measured: the tools are as fast).
FIXED     = -std=c17 -D_GNU_SOURCE -ffp-contract=off -fno-fast-math -pthread -Ilib -Isrc \
            -fPIC -fvisibility=hidden -ffunction-sections -ffile-prefix-map=$(CURDIR)=. \
            -DTR_VERSION='"$(VERSION)"' $(WARN) $(WERROR)
# A program is linked with what it uses of these, no more.
LIBS      = -Wl,--as-needed -lcjson -llapacke -lopenblas -lutf8proc -lcurl -lmicrohttpd -lm
# The member xgb, where its library is there. Only what trains is linked with it.
ifneq ($(wildcard /usr/include/xgboost/c_api.h),)
FIXED    += -DTR_HAVE_XGBOOST
LIBS     += -lxgboost
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
ADAPTERS := $(wildcard scripts/from-*)
MODULES  := $(wildcard scripts/adapters/*)
EXAMPLES := $(wildcard samples/refit.mk samples/tr-refit.* samples/route.* samples/tr-serve.service \
              samples/*.jsonl samples/logs/* samples/javascript/* samples/route-shard samples/tr_spark.py \
              samples/hadoop.sh samples/kafka.sh samples/slurm.sh) scripts/teacher-openai

all: $(TOOLS) $(SCRIPTED) library

$(BUILD)/libtr.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

# The flags are in this file: with others the old objects are of no use.
$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(FIXED) $(CFLAGS) -MMD -MP -c -o $@ $<

# The kernels: unrolled and vectorized, whatever CFLAGS says for the rest.
ifndef SAN
$(BUILD)/lib/maths/%.o $(BUILD)/lib/models/%.o $(BUILD)/lib/zoo/%.o: CFLAGS += -O3
endif

$(BIN)/tr-%: $(BUILD)/src/tr-%.o $(SHARED_O) $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBS)

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

# ---- libtrroute: lib/library/trroute and what it calls; no other name can be seen from outside ----
TRROUTE   = $(BUILD)/library
TRROUTE_ABI    := $(shell sed -n 's/^.define TRROUTE_ABI //p' lib/library/trroute.h)
TRROUTE_SONAME := libtrroute.so.$(TRROUTE_ABI)
TRROUTE_SO     := libtrroute.so.$(VERSION)
TRROUTE_LIBS    = -lutf8proc -lm
TRROUTE_O       = $(BUILD)/lib/library/trroute.o
# An unresolved name is an error; the sanitizers' own are resolved by the program.
ifndef SAN
TRROUTE_WHOLE   = -Wl,-z,defs
endif

library: $(TRROUTE)/$(TRROUTE_SO) $(TRROUTE)/libtrroute.a

$(TRROUTE)/$(TRROUTE_SO): $(TRROUTE_O) $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -pthread -Wl,-soname,$(TRROUTE_SONAME) -Wl,--gc-sections \
		$(TRROUTE_WHOLE) -o $@ $^ $(LDFLAGS) $(TRROUTE_LIBS)
	ln -sf $(TRROUTE_SO) $(TRROUTE)/$(TRROUTE_SONAME)
	ln -sf $(TRROUTE_SONAME) $(TRROUTE)/libtrroute.so

# One object, in which all names but the header's have become its own.
$(TRROUTE)/libtrroute.a: $(TRROUTE_O) $(BUILD)/libtr.a
	@mkdir -p $(@D)
	$(LD) -r --gc-sections $$($(NM) -g --defined-only $< | sed -n 's/.* T \(trroute_\)/-u \1/p') \
		-o $(TRROUTE)/trroute.o $^
	$(OBJCOPY) --strip-unneeded --wildcard --keep-global-symbol='trroute_*' $(TRROUTE)/trroute.o
	@rm -f $@
	$(AR) rcs $@ $(TRROUTE)/trroute.o

install-library: library
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCDIR)
	install -m 644 lib/library/trroute.h $(DESTDIR)$(INCDIR)
	install -m 644 $(TRROUTE)/$(TRROUTE_SO) $(TRROUTE)/libtrroute.a $(DESTDIR)$(LIBDIR)
	ln -sf $(TRROUTE_SO) $(DESTDIR)$(LIBDIR)/$(TRROUTE_SONAME)
	ln -sf $(TRROUTE_SONAME) $(DESTDIR)$(LIBDIR)/libtrroute.so
	printf '%s\n' 'Name: trroute' 'Version: $(VERSION)' \
		'Description: Decides which inputs a local model may answer in the place of an LLM' \
		'Cflags: -I$(INCDIR)' 'Libs: -L$(LIBDIR) -ltrroute' \
		'Libs.private: -pthread $(TRROUTE_LIBS)' > $(DESTDIR)$(LIBDIR)/pkgconfig/trroute.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/trroute.pc
	[ -n '$(DESTDIR)' ] || [ "$$(id -u)" -ne 0 ] || ldconfig

uninstall-library:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(TRROUTE_SO) $(TRROUTE_SONAME) libtrroute.so \
		libtrroute.a pkgconfig/trroute.pc) $(DESTDIR)$(INCDIR)/trroute.h
	-rmdir --ignore-fail-on-non-empty $(wildcard $(DESTDIR)$(LIBDIR)/pkgconfig)

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

# The completions, from the option tables: the tools are run.
COMPLETED = $(TOOLS) $(SCRIPTED) $(ADAPTERS)
completion: $(BUILD)/completion/tr-tools $(BUILD)/completion/_tr-tools
$(BUILD)/completion/tr-tools: scripts/completion $(COMPLETED)
	@mkdir -p $(@D)
	scripts/completion bash $(COMPLETED) > $@.$$$$ && mv $@.$$$$ $@
$(BUILD)/completion/_tr-tools: scripts/completion $(COMPLETED)
	@mkdir -p $(@D)
	scripts/completion zsh $(COMPLETED) > $@.$$$$ && mv $@.$$$$ $@

# What is installed as a command: the tools, and scripts/from-X as tr-from-X, which are told where
# their modules are from there.
COMMANDS  = $(notdir $(TOOLS) $(SCRIPTED)) $(ADAPTERS:scripts/%=tr-%)

install: all completion install-library
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR)/examples $(DESTDIR)$(BASHDIR) \
		$(DESTDIR)$(ZSHDIR) $(sort $(foreach p,$(PAGES),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(p)))))
	install -m 755 $(TOOLS) $(SCRIPTED) $(DESTDIR)$(BINDIR)
	for a in $(ADAPTERS) $(MODULES); do \
		case $$a in */from-*) to=$(DESTDIR)$(BINDIR)/tr-$${a##*/} mode=755 ;; \
			*) to=$(DESTDIR)$(DATADIR)/tr-tools/$${a##*/} mode=644 ;; esac; \
		install -D -m $$mode $$a $$to && sed -i "s|\.\./share/tr-tools|$$(realpath -m \
			--relative-to=$(BINDIR) $(DATADIR)/tr-tools)|g" $$to || exit; done
	for p in $(PAGES); do install -m 644 $$p $(DESTDIR)$(MANDIR)/man$${p##*.} || exit; done
	for a in $(ADAPTERS:scripts/%=tr-%); do \
		ln -sf tr-from.1 $(DESTDIR)$(MANDIR)/man1/$$a.1 || exit; done
	install -m 644 README.md LICENSE $(DESTDIR)$(DOCDIR)
	for e in $(EXAMPLES); do mode=644; [ ! -x $$e ] || mode=755; \
		case $$e in samples/*) to=$${e#samples/} ;; *) to=$${e##*/} ;; esac; \
		install -D -m $$mode $$e $(DESTDIR)$(DOCDIR)/examples/$$to || exit; done
	sed -i 's|/usr/local/bin|$(BINDIR)|g' $(DESTDIR)$(DOCDIR)/examples/*.service
	install -m 644 $(BUILD)/completion/tr-tools $(DESTDIR)$(BASHDIR)
	for c in $(COMMANDS); do ln -sf tr-tools $(DESTDIR)$(BASHDIR)/$$c || exit; done
	install -m 644 $(BUILD)/completion/_tr-tools $(DESTDIR)$(ZSHDIR)

# Folders that others use too go only where they are empty.
uninstall: uninstall-library
	for c in $(COMMANDS); do rm -f $(DESTDIR)$(BINDIR)/$$c $(DESTDIR)$(BASHDIR)/$$c; done
	for p in $(notdir $(PAGES)) $(ADAPTERS:scripts/%=tr-%.1); do \
		rm -f $(DESTDIR)$(MANDIR)/man$${p##*.}/$$p; done
	rm -f $(DESTDIR)$(BASHDIR)/tr-tools $(DESTDIR)$(ZSHDIR)/_tr-tools
	rm -f $(MODULES:scripts/adapters/%=$(DESTDIR)$(DATADIR)/tr-tools/%)
	rm -rf $(DESTDIR)$(DOCDIR)
	rmdir $(wildcard $(addprefix $(DESTDIR),$(DATADIR)/tr-tools $(MANDIR)/man? $(BASHDIR) \
		$(BASHDIR:%/completions=%) $(ZSHDIR) $(ZSHDIR:%/site-functions=%))) 2> /dev/null || true

deb: all completion
	VERSION=$(VERSION) scripts/deb build

clean:
	rm -rf build bin

.PHONY: all library install-library uninstall-library units fuzzers faults sims check lint \
        bench verify-guarantee completion install uninstall deb clean
.PRECIOUS: $(BUILD)/%.o
.DELETE_ON_ERROR:

-include $(LIB_O:.o=.d) $(SHARED_O:.o=.d) $(TOOL_C:%.c=$(BUILD)/%.d)
-include $(UNIT_C:%.c=$(BUILD)/%.d) $(FUZZ_C:%.c=$(BUILD)/%.d) $(SIM_C:%.c=$(BUILD)/%.d) \
         $(FAULT_C:%.c=$(BUILD)/%.d)
