# make             build/release/bise and libbise    make check [T='gguf.*']  run the tests
# make lint        format, analysis, house rules     make fuzz T=gguf SECS=60 run one fuzz target
# make install     DESTDIR and PREFIX as usual       make cover               coverage by layer
# make bench       bise and the programs of bench/   make properties N=1000000 random texts
# make B=asan ...  any target in another flavour: release debug asan tsan cov fuzz
B       := release
ifeq ($(filter $(B),release debug asan tsan cov fuzz),)
$(error B=$(B) is no flavour; choose release, debug, asan, tsan, cov or fuzz)
endif
OUT     := build/$(B)
PREFIX  ?= /usr/local
VERSION := 0.1.0
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

# Tests ask for impossible sizes on purpose; malloc then answers NULL, as without a sanitizer.
export ASAN_OPTIONS := allocator_may_return_null=1
export TSAN_OPTIONS := allocator_may_return_null=1

ifeq ($(origin CC),default)
CC := gcc
endif
OBJCOPY ?= objcopy
hardening     := -D_FORTIFY_SOURCE=2 -fstack-protector-strong
flags_release := -O3 -g $(hardening)
flags_debug   := -O0 -g
flags_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
flags_tsan    := -O1 -g -fsanitize=thread
flags_cov     := -O0 -g --coverage
flags_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
        -Wcast-qual -Wwrite-strings -Wformat=2 -Wdouble-promotion -Wno-format-truncation \
        -Wno-unknown-warning-option
CPPFLAGS += -D_GNU_SOURCE -Isrc -Iinclude
# Debian has the headers of PostgreSQL in a folder of their own.
PQ_INCLUDE := $(shell pkg-config --cflags libpq 2>/dev/null)
CPPFLAGS += $(PQ_INCLUDE)
CFLAGS   += $(flags_$(B)) -std=c17 -ffp-contract=off -fno-math-errno -fvisibility=hidden -fPIC \
            -pthread $(WARN)
LDFLAGS  += -Wl,-z,relro,-z,now
LDLIBS   += -ljansson -lm -pthread

# The program alone speaks to the network and has a database: who links the library needs neither.
CLISRC := $(wildcard src/cli/*.c src/api/*.c src/hub/*.c src/net/*.c src/store/*.c)
CLILIBS := -ledit -lcurl -lmicrohttpd -lcrypto -lsqlite3 -lpq
LIBSRC := $(filter-out $(CLISRC),$(wildcard src/*/*.c))
LIBO   := $(LIBSRC:%.c=$(OUT)/%.o)
CLIO   := $(CLISRC:%.c=$(OUT)/%.o) $(OUT)/src/api/page_data.o
TESTO  := $(patsubst %.c,$(OUT)/%.o,$(wildcard test/*.c test/*/*_test.c))
BENCHO := $(patsubst %.c,$(OUT)/%.o,$(wildcard bench/*.c))
FUZZ   := $(patsubst fuzz/%_fuzz.c,%,$(wildcard fuzz/*_fuzz.c))
FORMAT := $(wildcard src/*/*.[ch] include/*.h test/*.[ch] test/*/*.[ch] fuzz/*.[ch] bench/*.[ch] \
            examples/*.c)

.PHONY: all unit check properties lint format fuzz corpus cover bench install clean FORCE
all: $(OUT)/bise $(OUT)/libbise.a $(OUT)/libbise.so.0

$(OUT)/bise: $(CLIO) $(OUT)/libbise.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CLILIBS) $(LDLIBS)

$(OUT)/libbise.a: $(LIBO)
	rm -f $@ && ar rcs $@ $^

$(OUT)/libbise.so.0: $(LIBO)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libbise.so.0 -o $@ $^ $(LDLIBS)

$(OUT)/unit: $(TESTO) $(filter-out $(OUT)/src/cli/main.o,$(CLIO)) $(LIBO)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka -lpcre2-8 $(CLILIBS) -lssl $(LDLIBS)

# The file name says which instruction set a file may use; nothing else may.  On another
# processor these files are empty, and the compiler does not know the options.
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine)),)
avx2   := -mavx2 -mfma -mf16c
avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni $(avx2)
amx    := -mamx-tile -mamx-int8 -mamx-bf16 -mavx512bf16 $(avx512)
endif
$(OUT)/%_avx2.o:   ISA := $(avx2)
$(OUT)/%_avx512.o: ISA := $(avx512)
$(OUT)/%_amx.o:    ISA := $(amx)
$(OUT)/src/cli/version.o: CPPFLAGS += -DBISE_COMMIT='"$(COMMIT)"'
$(OUT)/src/lib/%.o: CPPFLAGS += -DBISE_VERSION='"$(VERSION)"'
$(OUT)/test/%.o $(OUT)/bench/%.o: CPPFLAGS += -Itest

$(OUT)/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(ISA) -MMD -MP -c -o $@ $<

# The chat page is part of the program.
WEB := $(wildcard web/*.html web/*.css web/*.js web/*.svg)
$(OUT)/src/api/page_data.c: tools/embed $(WEB)
	@mkdir -p $(@D)
	tools/embed $(WEB) > $@.part && mv $@.part $@
$(OUT)/src/api/page_data.o: $(OUT)/src/api/page_data.c $(OUT)/flags
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Change only when what they hold does, so a new flag or commit rebuilds what it must.
flags = $(CC) $(CFLAGS) $(amx) $(VERSION)
$(OUT)/flags: FORCE
	@mkdir -p $(@D); echo '$(flags)' | cmp -s - $@ || echo '$(flags)' > $@
$(OUT)/commit: FORCE
	@mkdir -p $(@D); echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' > $@
$(OUT)/src/cli/version.o: $(OUT)/commit
FORCE:

unit: $(OUT)/unit

$(OUT)/scripted_model: $(OUT)/test/cli/scripted_model.o $(OUT)/libbise.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUT)/tiny_model: $(OUT)/test/api/tiny_model.o $(OUT)/libbise.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUT)/hub_server: $(OUT)/test/cli/hub_server.o $(OUT)/test/cli/hub_tls.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -pthread

$(OUT)/stream_server: $(OUT)/test/cli/stream_server.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread

# Unit tests, then the fuzz corpora through the same parsers, then the commands; of the release also
# the clients, then the page.
check: $(OUT)/unit all corpus $(OUT)/scripted_model $(OUT)/tiny_model $(OUT)/hub_server \
  $(OUT)/stream_server
	test/parts $(OUT)/unit $(T)
	$(if $(T),,BISE=$(OUT)/bise test/cli/run)
	$(if $(T)$(filter-out release,$(B)),,B=$(B) BISE=$(OUT)/bise test/api/run)
	$(if $(T)$(filter-out release,$(B)),,BISE=$(OUT)/bise test/web/run)

# What the unit tests try a few thousand times, often.
properties: $(OUT)/unit
	RANDOM_TEXTS=$(or $(N),1000000) $(OUT)/unit 'random_text.*'

$(OUT)/%_fuzz: fuzz/%_fuzz.c $(LIBO)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

$(OUT)/%_replay: fuzz/%_fuzz.c fuzz/replay.c $(OUT)/libbise.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(LDLIBS)

# The parsers that the library does not have.
$(OUT)/sse_parser_fuzz $(OUT)/sse_parser_replay: $(OUT)/src/net/sse_parser.o
$(OUT)/load_answer_fuzz $(OUT)/load_answer_replay: $(OUT)/src/net/sse_parser.o \
  $(OUT)/src/cli/load_answer.o $(OUT)/src/cli/latency.o
$(OUT)/hub_listing_fuzz $(OUT)/hub_listing_replay: $(OUT)/src/hub/hub_listing.o \
  $(OUT)/src/hub/hub_name.o
$(OUT)/http_head_fuzz $(OUT)/http_head_replay: $(OUT)/src/net/http_target.o \
  $(OUT)/src/net/http_framing.o $(OUT)/src/net/http_origin.o
$(OUT)/http_multipart_fuzz $(OUT)/http_multipart_replay: $(OUT)/src/net/http_multipart.o \
  $(OUT)/src/net/http_target.o $(OUT)/src/net/http_framing.o
$(OUT)/store_text_fuzz $(OUT)/store_text_replay: $(OUT)/src/store/key_text.o \
  $(OUT)/src/store/file_name.o
dialect := $(addprefix $(OUT)/src/api/,chat_maker.o fields.o)
$(OUT)/anthropic_request_fuzz $(OUT)/anthropic_request_replay: \
  $(OUT)/src/api/anthropic_request.o $(dialect)
$(OUT)/responses_request_fuzz $(OUT)/responses_request_replay: \
  $(OUT)/src/api/responses_request.o $(dialect)
$(OUT)/object_text_fuzz $(OUT)/object_text_replay: $(OUT)/src/api/object_text.o

corpus: $(FUZZ:%=$(OUT)/%_replay)
	for t in $(FUZZ); do $(OUT)/$${t}_replay fuzz/corpus/$$t || exit 1; done

fuzz:
	$(MAKE) B=fuzz CC=clang-14 build/fuzz/$(T)_fuzz
	mkdir -p build/corpus/$(T)
	build/fuzz/$(T)_fuzz -max_total_time=$(or $(SECS),60) -timeout=10 -rss_limit_mb=4096 \
	  -artifact_prefix=build/corpus/ build/corpus/$(T) $(wildcard fuzz/corpus/$(T))

cover:
	$(MAKE) B=cov check
	tools/cover build/cov

# The program that measures beside PCRE2 is built where that is.
PCRE2 := $(shell pkg-config --exists libpcre2-8 && echo yes)
bench: $(OUT)/bise $(patsubst bench/%.c,$(OUT)/bench_%, \
  $(filter-out $(if $(PCRE2),,bench/split_pcre2.c),$(wildcard bench/*.c)))
$(OUT)/bench_split_pcre2: LDLIBS += -lpcre2-8
$(OUT)/bench_%: $(OUT)/bench/%.o $(OUT)/libbise.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

lint:
	clang-format-14 --dry-run -Werror $(FORMAT)
	tools/lint $(wildcard src/*/*.[ch])
	tools/names
	for h in $(wildcard src/*/*.h) include/bise.h; do \
	  $(CC) $(CPPFLAGS) -std=c17 -Wall -Werror -fsyntax-only -x c $$h || exit 1; done
	printf '%s\n' $(LIBSRC) $(CLISRC) | xargs -P 2 -I{} clang-tidy-14 --quiet {} -- $(CPPFLAGS) \
	  -DBISE_VERSION='"0"' -DBISE_COMMIT='"0"' -std=c17 $(amx)

format:
	clang-format-14 -i $(FORMAT)

# The archive that others link has one object in which only the public names are left, so that
# no name of ours can meet one of theirs.
$(OUT)/install/libbise.a: $(LIBO)
	@mkdir -p $(@D)
	$(LD) -r -o $(@D)/bise.o $^
	$(OBJCOPY) --localize-hidden $(@D)/bise.o
	rm -f $@ && ar rcs $@ $(@D)/bise.o

install: all $(OUT)/install/libbise.a
	install -D -m 755 $(OUT)/bise $(DESTDIR)$(PREFIX)/bin/bise
	install -D -m 644 include/bise.h $(DESTDIR)$(PREFIX)/include/bise.h
	install -D -m 644 $(OUT)/install/libbise.a $(DESTDIR)$(PREFIX)/lib/libbise.a
	install -D -m 755 $(OUT)/libbise.so.0 $(DESTDIR)$(PREFIX)/lib/libbise.so.0
	ln -sf libbise.so.0 $(DESTDIR)$(PREFIX)/lib/libbise.so
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bise/models models/*
	mkdir -p $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' src/lib/bise.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/bise.pc
	if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

clean:
	rm -rf build

-include $(LIBO:.o=.d) $(CLIO:.o=.d) $(TESTO:.o=.d) $(BENCHO:.o=.d)
