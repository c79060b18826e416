#!/bin/sh
# Writes the list of modules, from the names of their files: tools/modules.sh NAME.c...
echo '#include "core/module.h"'
list=
for file in "$@"; do
	name=$(basename "$file" .c)
	echo "extern const struct module mod_$name;"
	list="$list&mod_$name, "
done
echo "const struct module *const all_modules[] = { ${list}NULL };"
