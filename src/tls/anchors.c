#include "tls/anchors.h"
#include "base/strv.h"

#include <dirent.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>

/* "0a1b2c3d.0" */
static bool is_hash(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
	       strspn(name + 9, "0123456789") == strlen(name + 9) && name[9] != '\0';
}

static bool has_hashes(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *d;

	if (dir == NULL)
		return false;
	while ((d = readdir(dir)) && !is_hash(d->d_name))
		;
	closedir(dir);
	return d != NULL;
}

/* Of several folders, "A:B", one will do. */
static bool any_has_hashes(const char *folders)
{
	struct strv rest = strv_from(folders);
	bool any = false;

	while (rest.n && !any) {
		ptrdiff_t end = strv_find(rest, ':');
		size_t n = end < 0 ? rest.n : (size_t)end;
		char *folder = mem_strdup(rest.p);

		folder[n] = '\0';
		any = has_hashes(folder);
		mem_free(folder);
		rest = strv_from_pos(rest, MIN(n + 1, rest.n));
	}
	return any;
}

/* Who names another file than the system's wants it read. */
static bool names_a_file(void)
{
	const char *file = secure_getenv(X509_get_default_cert_file_env());
	struct stat named, usual;

	return file && (stat(file, &named) < 0 ||
			stat(X509_get_default_cert_file(), &usual) < 0 ||
			named.st_dev != usual.st_dev || named.st_ino != usual.st_ino);
}

bool tls_add_system_anchors(X509_STORE *store)
{
	const char *folders = secure_getenv(X509_get_default_cert_dir_env());
	X509_LOOKUP *lookup;

	if (names_a_file() ||
	    !any_has_hashes(folders ? folders : X509_get_default_cert_dir()))
		return X509_STORE_set_default_paths(store) == 1;
	lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
	return lookup && X509_LOOKUP_add_dir(lookup, NULL, X509_FILETYPE_DEFAULT) == 1;
}
