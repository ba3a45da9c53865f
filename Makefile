# make demo       the main job, shown on the terminal in under a minute once built
# make demo-typo3 a TYPO3 with one service that works, until it is ended: make demo-typo3 LINE=13.4 ONCE=1
# make test       all tests, Rust and PHP; fetches the servers that some run against
# make test-rust  the Rust tests; those of one room, or some of them: make test-rust ROOM=wire FILTER=pool::
# make test-php   the PHP tests, or some of them: make test-php FILTER=DoctorTest
# make check      format, lints, header drift, docs, supply chain, PSR-12, PHPStan, workflows
# make build      the release library
# make build-sidecar  the sidecar that the PHP tests start
# make packages   the packages for Debian and for rpm, with all that belongs to them, into target/packages: docs/packaging.md
# make release  a release as a dry run: make release VERSION=1.2.3; packaging/release says how it becomes one
# make split      the trees of the two Composer packages, as they would be published, into target/split
# make test-packages  installs, updates, removes them in a fresh Debian 12 and 13
# make install    library, header and PHP library under PREFIX (DESTDIR is put before it and written nowhere)
# make uninstall  takes them away again
# make bench      criterion, calls against those of PHP's own clients, registries in php-fpm, copies of a secret in a worker
# make bench-instructions  what a warm call costs in instructions, against the committed figures: docs/performance.md
# make fuzz       every fuzz target for 20 000 inputs, or longer: make fuzz FUZZ_SECONDS=600
# make hardening  the long forms of the tests, in about an hour and a half the first time: docs/hardening.md
# make header     regenerates include/secure_outbound.h
# make codes      regenerates PHP's enum of error codes from docs/wire.md
# make picture    draws docs/demo.svg of what the demo prints
# make tools      the Debian packages that all of these need; each installs them by itself
# make advisories known vulnerabilities of the dependencies
# make help       these lines

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
PHP     ?= php
PHPUNIT ?= phpunit
PHPCS   ?= phpcs

LIBRARY := target/release/libsecure_outbound.so
DENY_VERSION := 0.20.2
DENY_ROOT    := target/tools/cargo-deny-$(DENY_VERSION)
DENY         := $(DENY_ROOT)/bin/cargo-deny
FUZZ_RUNS    ?= 20000
FUZZ_SECONDS ?=
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ_ROOT    := target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)
CARGO_FUZZ         := $(CARGO_FUZZ_ROOT)/bin/cargo-fuzz

.DEFAULT_GOAL := build
.PHONY: build-sidecar demo demo-typo3 picture test test-rust test-php build bench bench-instructions fuzz hardening check packages test-packages release split install uninstall header codes help tools oauth-servers openmetrics composer advisories \
        check-format check-clippy check-header check-docs check-supply check-files check-php check-phpstan check-workflows

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

tools:
	@.ci/tools

# Three OAuth servers from npm and PyPI, pinned under tests/oauth/servers; nothing is fetched where they are there already.
oauth-servers: tools
	@.ci/oauth-servers

# A parser from PyPI, pinned under tests/sidecar/openmetrics.
openmetrics: tools
	@.ci/openmetrics

# What PHPStan and some PHP tests need that Debian has not, into php/vendor; without a registry they are left out.
composer: tools
	@.ci/composer

build:
	$(CARGO) build --locked --release

# With the hooks and the C interface, so that it does not replace the library of the Rust tests by one without them.
build-sidecar:
	$(CARGO) build --locked --features test-hooks,sidecar

packages:
	@.ci/tools --packaging
	@CARGO="$(CARGO)" packaging/packages

test-packages: packages
	@CARGO="$(CARGO)" .ci/test-archive
	@CARGO="$(CARGO)" .ci/test-packages
	@CARGO="$(CARGO)" .ci/other-versions
	@.ci/test-versions
	@if [ -n "$$(find target/packages -name 'secure-outbound_*_arm64.deb' 2>/dev/null)" ]; then CARGO="$(CARGO)" .ci/test-arm64; \
	 else echo "left out: packages for arm64, none were made"; fi
	@.ci/test-images
	@.ci/test-rpm

release: tools
	@packaging/release "$(VERSION)"

split: tools
	@packaging/split

demo: tools
	@$(MAKE) --no-print-directory build
	@$(PHP) tests/demo/demo.php

demo-typo3: tools
	@$(MAKE) --no-print-directory build
	@SECURE_OUTBOUND_LIBRARY=$(CURDIR)/$(LIBRARY) .ci/typo3 $(or $(LINE),14.3) demo

picture: tools
	@$(MAKE) --no-print-directory build
	@$(PHP) tests/demo/picture.php

test: tools oauth-servers openmetrics composer
	@CARGO="$(CARGO)" PHPUNIT="$(PHPUNIT)" MAKE="$(MAKE)" .ci/test

# With the hook the library panics on purpose where a test says so.
test-rust: tools oauth-servers openmetrics
	$(CARGO) test --locked --features test-hooks,sidecar $(if $(ROOM),--test $(ROOM)) $(FILTER)

test-php: tools composer
	@$(MAKE) --no-print-directory build build-sidecar
	SECURE_OUTBOUND_LIBRARY=$(CURDIR)/$(LIBRARY) \
	    $(if $(FILTER),$(PHPUNIT) -c php/phpunit.xml.dist --filter '$(FILTER)',.ci/phpunit)

fuzz: tools $(CARGO_FUZZ)
	CARGO_FUZZ=$(CARGO_FUZZ) .ci/fuzz $(if $(FUZZ_SECONDS),--seconds=$(FUZZ_SECONDS),--runs=$(FUZZ_RUNS))

hardening: tools
	@PHPUNIT="$(PHPUNIT)" CARGO="$(CARGO)" MAKE="$(MAKE)" .ci/hardening

bench: tools
	$(CARGO) bench --locked
	@$(MAKE) --no-print-directory build
	$(CARGO) build --locked --release --no-default-features --features sidecar --target-dir target/sidecar --bin secure-outbound-sidecar
	SECURE_OUTBOUND_SIDECAR=$(CURDIR)/target/sidecar/release/secure-outbound-sidecar $(PHP) benches/peers.php
	$(PHP) benches/copies.php

bench-instructions: tools
	@$(MAKE) --no-print-directory build
	$(PHP) benches/instructions.php

header:
	SECURE_OUTBOUND_BLESS=1 $(CARGO) test --locked --test abi header::

codes:
	SECURE_OUTBOUND_BLESS=1 $(PHPUNIT) -c php/phpunit.xml.dist php/tests/Unit/Exception/ErrorCodeTest.php

check: tools
	@MAKE="$(MAKE)" .ci/check

check-format:
	$(CARGO) fmt --check

check-clippy:
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings

check-header:
	$(CARGO) test --locked --features test-hooks --test abi header::

check-docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

check-supply: $(DENY)
	$(DENY) --locked --all-features check licenses bans sources

check-files:
	@CARGO="$(CARGO)" .ci/check-files

# Errors only: PSR-12 warns of long lines, which tables and fixed texts may have.
check-php:
	$(PHPCS) --standard=PSR12 -n --ignore=php/vendor php
	$(PHPCS) --standard=PSR12 -n --stdin-path=secure-outbound.php - <php/bin/secure-outbound

# Two processes of 250 MB. What they learnt is kept in target/phpstan, and the next time it takes seconds.
check-phpstan: composer
	@if [ -f php/vendor/bin/phpstan ]; then cd php && $(PHP) vendor/bin/phpstan analyse --no-progress --memory-limit=512M; \
	 else echo "left out: PHPStan, no Composer packages"; fi

check-workflows: tools
	@.ci/check-workflows

# Needs the network: the advisory database is fetched.
advisories: $(DENY)
	$(DENY) --locked --all-features check advisories

# Unoptimised, which is made in a minute and a half; the check itself takes a second.
$(DENY):
	$(CARGO) install cargo-deny --version =$(DENY_VERSION) --locked --debug --no-track --config profile.dev.debug=false \
	    --root $(DENY_ROOT) --target-dir $(DENY_ROOT)/build
	rm -rf $(DENY_ROOT)/build

$(CARGO_FUZZ):
	$(CARGO) install cargo-fuzz --version =$(CARGO_FUZZ_VERSION) --locked --debug --no-track \
	    --config profile.dev.debug=false --root $(CARGO_FUZZ_ROOT) --target-dir $(CARGO_FUZZ_ROOT)/build
	rm -rf $(CARGO_FUZZ_ROOT)/build

# Without cargo (root's PATH often has none), the library that is already built is installed.
install:
	@if command -v $(CARGO) >/dev/null; then $(MAKE) --no-print-directory build; \
	 else echo "$(CARGO) is not in PATH: installing $(LIBRARY) as it is"; fi
	@packaging/install install "$(PREFIX)" "$(DESTDIR)"

uninstall:
	@packaging/install uninstall "$(PREFIX)" "$(DESTDIR)"
