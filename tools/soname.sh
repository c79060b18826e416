#!/bin/sh
# The name by which a library is found when a program runs: tools/soname.sh FOLDER NAME
set -eu
name=$(LC_ALL=C readelf -d "$1/$2.so" | sed -n 's/.*Library soname: \[\(.*\)\]$/\1/p')
[ -n "$name" ] || { echo "$1/$2.so has no soname" >&2; exit 1; }
echo "$name"
