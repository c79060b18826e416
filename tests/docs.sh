#!/bin/sh
# What the documents say is so: tests/docs.sh BINARY. Prints each offence.
set -eu
bin=$(realpath "$1")
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

say() {
	echo "$1"
	bad=1
}

# docs/configuration.md is generated.
"$bin" help --configuration >"$tmp/configuration.md"
cmp -s "$tmp/configuration.md" docs/configuration.md ||
	say "docs/configuration.md is not what the option tables say: make docs"

# The README's configuration is a good one.
sed -n '/^```toml$/,/^```$/p' README.md | sed '/^```/d' >"$tmp/readme.toml"
[ -s "$tmp/readme.toml" ] || say "README.md has no example of a configuration"
(cd "$tmp" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 100 \
	-subj /CN=example.net -keyout key.pem -out cert.pem 2>/dev/null && cat key.pem >>cert.pem)
sed -i "s#/etc/meerkat/example.net.pem#$tmp/cert.pem#" "$tmp/readme.toml"
"$bin" check -c "$tmp/readme.toml" >"$tmp/out" 2>&1 || say "README.md's configuration: $(cat "$tmp/out")"
[ "$(wc -l <"$tmp/out")" = 2 ] || say "README.md's configuration: $(cat "$tmp/out")"

# The man page has no mistakes, and names each command.
[ -z "$(man -l --warnings -E UTF-8 -Tutf8 docs/meerkat.1 2>&1 >/dev/null)" ] ||
	say "docs/meerkat.1: man complains"
for word in serve check reload status user version help; do
	grep -q "^\.B $word" docs/meerkat.1 || say "docs/meerkat.1 does not have $word"
done

# Links between documents lead somewhere.
for file in README.md CONTRIBUTING.md docs/*.md; do
	for link in $(grep -o '](\([^)#:]*\))' "$file" | sed 's/](\(.*\))/\1/'); do
		[ -e "$(dirname "$file")/$link" ] || say "$file: no such file: $link"
	done
done
exit $bad
