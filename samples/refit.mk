# refit.mk: fits a policy anew from the logs of a router, as often as it is run; for GNU make.
#
#   make -f refit.mk LOGS='decisions/*.jsonl' ALPHA=.92     refit where enough is new
#   make -f refit.mk rollback                               the policy before is put back
#
# Any time is the right one to run it, and any moment to kill it: the policy in place is whole, and
# the next run goes on where this one stopped. Two runs wait for one another. Exit status 0 says
# that all went well: promoted, kept, refused, or not enough that is new; 2, that a tool failed and
# said why. tr-refit(7) explains it all.
#
# Settings, on the command line or as NAME = VALUE in a file refit.settings of the directory where
# make runs. No file name may have a blank.

-include refit.settings

LOGS ?=#             the traces before the first policy, and the router's decisions with teachers
ALPHA ?=#            the agreement to promise
POLICY ?= policy.trp#  what is replaced; kept: policy.trp.1, .2, ...; history: policy.trp.history
DIR ?= refit#        where the work is done: the last attempt, and how far the logs are used
MIN_FRESH ?= 300#    fresh rows that may calibrate, below which nothing is attempted
CALIBRATION ?= .8#   share of these that calibrate in a refit; what was used before trains anyway
TIME_KEY ?= timestamp#  every line of the logs has the time of its request under this key
SINCE ?=#            leave out rows before this time: what is too old to learn from
SEED ?= 1
EXPECT ?=#           cases that a policy must answer so; see tr-promote(1)
HUP ?=#              files with the process numbers of the routers
KEEP ?= 5#           policies to go back to
WAIT ?= 3600#        seconds to wait for another run
SPLIT ?=#            more options: of tr-split,
TRAIN ?=#            of tr-train (--zoo all -j 2),
GATE ?=#             of tr-gate,
CALIBRATE ?=#        of tr-calibrate (--delta .1),
PROMOTE ?=#          of tr-promote (--allow-less)
Q ?= -q#             empty: the tools say what they do
BIN ?=#              where the tools are, if not in PATH

this := $(abspath $(firstword $(MAKEFILE_LIST)))
again = $(MAKE) --no-print-directory -s -f $(this)
split := $(strip $(DIR))/split.jsonl
model := $(strip $(DIR))/model.trm
attempt := $(strip $(DIR))/attempt.trp
used := $(strip $(DIR))/used
promote = tr-promote --wait $(WAIT) --keep $(KEEP) $(HUP:%=--hup %)

# Exit status 1 is an answer, not a failure.
unless_no = { status=$$?; [ $$status -eq 1 ] || exit $$status; }

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
ifneq ($(strip $(BIN)),)
export PATH := $(abspath $(BIN)):$(PATH)
endif

refit:
	+@$(if $(strip $(LOGS)),,$(error LOGS is not set: the files to learn from))
	@$(if $(strip $(ALPHA)),,$(error ALPHA is not set: the agreement to promise))
	@for log in $(LOGS); do [ -r $$log ] || { echo "refit: $$log cannot be read" >&2; exit 4; }; done
	mkdir -p $(DIR)
	exec 9>> $(DIR)/lock
	flock -w $(WAIT) 9 || { echo 'refit: another one runs; this one leaves' >&2; exit 1; }
	rm -f $(DIR)/*.tmp.*
	# an attempt of a run before, that is made and was not decided on
	if [ -e $(split) ] && [ $(attempt) -nt $(split) ] && [ $(attempt) -nt $(used) ]; then
	    $(again) $(used)
	fi
	$(again) $(split) FROM_LOGS=yes
	$(again) attempt

rollback:
	@$(promote) --rollback $(POLICY)

# An attempt is due where the split is later than what was used, and has enough that is fresh.
attempt:
	+@[ -e $(split) ] || exit 0
	if [ $(used) -nt $(split) ]; then
	    echo 'refit: the logs have nothing new' >&2
	    exit 0
	fi
	fresh=$$(tail -n 1 $(split) | jq '."tr-split".eligible')
	if [ "$$fresh" -lt $(MIN_FRESH) ]; then
	    echo "refit: $$fresh fresh rows may calibrate; not before $(MIN_FRESH)" >&2
	    exit 0
	fi
	$(again) $(used)

# Only whole lines are taken of a log that is being written. Rows later than now wait until it is
# their time: one row from the year 2099 would make all others stale.
ifdef FROM_LOGS
$(split): $(wildcard $(LOGS))
endif
$(split):
	@fresh=()
	[ ! -e $(used) ] || fresh=(--calibration $(CALIBRATION) --fresh-after "$$(cat $(used))")
	for log in $(LOGS); do head -n "$$(wc -l < $$log)" $$log; done |
	    tr-split $(Q) --seed $(SEED) --time-key $(TIME_KEY) $(SINCE:%=--since %) \
	        --until "$$(date -u +%FT%TZ)" "$${fresh[@]}" $(SPLIT) -o $@

$(model): $(split)
	@tr-train $(Q) --seed $(SEED) $(TRAIN) $(split) | tr-gate $(Q) $(GATE) -o $@

# An attempt that is refused has looked at its rows, too: it is what the next one follows.
$(attempt): $(model)
	@previous=()
	[ ! -e $@ ] || previous=(--previous $@)
	tr-calibrate $(Q) --alpha $(ALPHA) --seed $(SEED) "$${previous[@]}" $(CALIBRATE) --replace \
	    -o $@ $(model) || $(unless_no)

# The time of the last row of this attempt, once all is done with it: later rows are fresh.
$(used): $(attempt)
	@last=$$(tail -n 1 $(split) | jq -er '."tr-split".last')
	$(promote) $(EXPECT:%=--expect %) $(PROMOTE) $(attempt) $(POLICY) || $(unless_no)
	echo "$$last" > $@.tmp.new
	sync $@.tmp.new
	mv -f $@.tmp.new $@

.PHONY: refit rollback attempt
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PRECIOUS: $(attempt) $(used) # written whole
.SUFFIXES:
