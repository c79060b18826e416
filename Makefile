# Meerkat: a small front to Meson and Ninja. `make run` and `make test` do all the set-up
# themselves, Debian packages included.
.PHONY: build run test bench instructions install format fuzz docs packages clean

CONFIG ?=

build: build-release/build.ninja
	@ninja -C build-release

build-release/build.ninja: | packages
	@meson setup build-release --buildtype=release -Db_lto=true >/dev/null

# The server on its embedded database: localhost:5222, data in ./meerkat-data.
run: packages build
	@build-release/src/main/meerkat serve $(if $(CONFIG),-c $(CONFIG))

test:
	@tools/packages.sh test
	@tests/run

bench:
	@tools/packages.sh bench
	@meson setup build-release --buildtype=release -Db_lto=true --reconfigure >/dev/null
	@ninja -C build-release
	@bench/run $(if $(MINUTES),--quick --rounds 99 --minutes $(MINUTES)) \
		--meerkat build-release/src/main/meerkat --load build-release/bench/meerkat-load

# After a change that is meant to cost more, or less.
instructions:
	@tools/packages.sh test
	@meson setup build-release --buildtype=release -Db_lto=true --reconfigure >/dev/null
	@ninja -C build-release
	@tests/perf/run --update build-release

install: build
	@meson install -C build-release

fuzz:
	@tools/packages.sh test
	@tests/fuzz/run --seconds 600

format:
	@tools/packages.sh test
	@git ls-files '*.c' '*.h' | xargs clang-format -i

docs: build
	@build-release/src/main/meerkat help --configuration > docs/configuration.md.new
	@mv docs/configuration.md.new docs/configuration.md

packages:
	@tools/packages.sh build

clean:
	@rm -rf build build-*
