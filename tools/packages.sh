#!/bin/sh
# Installs the Debian packages that are missing: tools/packages.sh build|test|bench
set -eu

build="gcc libc6-dev make meson ninja-build pkg-config libssl-dev libsqlite3-dev
	libunistring-dev libidn2-dev libpcre2-dev libcurl4-openssl-dev libjwt-dev
	libjansson-dev libldap-dev libmariadb-dev libpq-dev libsodium-dev"
test="clang clang-format libclang-rt-14-dev libexpat1-dev libstrophe-dev python3 python3-pytest
	python3-slixmpp python3-cryptography openssl sslscan testssl.sh sqlite3 man-db haproxy slapd ldap-utils
	postgresql mariadb-server valgrind gnutls-bin libnss3-tools"
bench="prosody ejabberd openssl python3"

case "${1:-}" in
build) want=$build ;;
test) want="$build $test" ;;
bench) want="$build $bench" ;;
*) echo "usage: $0 build|test|bench" >&2; exit 2 ;;
esac

missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "Installing Debian packages:$missing"
$sudo apt-get update -qq
# The tests start servers of their own: the packages' are not to run.
if [ ! -e /usr/sbin/policy-rc.d ]; then
	policy=$(mktemp)
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	$sudo install -m 755 "$policy" /usr/sbin/policy-rc.d
	rm -f "$policy"
	trap '$sudo rm -f /usr/sbin/policy-rc.d' EXIT
fi
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
