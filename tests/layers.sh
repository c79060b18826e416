#!/bin/sh
# The layering rule: which folder of src/ may include which. Prints each offence; the exit
# status says whether there was one.
set -eu
cd "$(dirname "$0")/.."

allowed() { # the folders that $1 may include, itself among them
	case $1 in
	base) echo base ;;
	conf) echo base conf ;;
	xml) echo base xml ;;
	xmpp) echo base xml xmpp ;;
	tls) echo base tls ;;
	io) echo base tls io ;;
	store) echo base tls xmpp io store ;;
	auth) echo base tls auth ;;
	core) echo base conf xml xmpp tls io store auth core ;;
	mod) echo base conf xml xmpp store core mod ;;
	main) echo base conf xml xmpp tls io store auth core mod main ;;
	esac
}

bad=0
for dir in base conf xml xmpp tls io store auth core mod main; do
	ok=" $(allowed $dir) "
	for file in $(find "src/$dir" -name '*.[ch]'); do
		for inc in $(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$file" | sort -u); do
			case "$ok" in
			*" $inc "*) ;;
			*) echo "$file: $dir may not include $inc/"; bad=1 ;;
			esac
		done
	done
done

# The folders of core/ are one layer; three of them know little of the others.
allowed_in_core() { # what $1 may include of core/
	case $1 in
	options) echo options stream module.h ;;
	listen) echo options c2s server listen ;;
	stream) echo options login stream ;;
	c2s | login | account | im | server | module.*)
		echo options listen c2s stream login account im server module.h ;;
	esac
}

for file in $(find src/core -name '*.[ch]'); do
	part=${file#src/core/}
	part=${part%%/*}
	ok=" $(allowed_in_core "$part") "
	[ "$ok" != "  " ] || { echo "$file: which folder of src/core/ is it of?"; bad=1; }
	for inc in $(sed -n 's/^#include "core\/\([^/"]*\).*/\1/p' "$file" | sort -u); do
		case "$ok" in
		*" $inc "*) ;;
		*) echo "$file: core/$part may not include core/$inc"; bad=1 ;;
		esac
	done
done

# Modules do not know each other.
if grep -n '#include "mod/' src/mod/*.c; then
	echo "src/mod: no module includes another"
	bad=1
fi
exit $bad
