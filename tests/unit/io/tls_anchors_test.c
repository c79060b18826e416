/* The system's trust anchors: which are read at once. */
#include "ca.h"
#include "tls/anchors.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many there are in the store of somebody whose environment says this. */
static int read_at_once(const char *file, const char *folders)
{
	X509_STORE *store = X509_STORE_new();
	int n;

	if (file)
		setenv("SSL_CERT_FILE", file, 1);
	else
		unsetenv("SSL_CERT_FILE");
	setenv("SSL_CERT_DIR", folders, 1);
	CHECK(tls_add_system_anchors(store));
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	n = sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
	X509_STORE_free(store);
	return n;
}

static void make_folder(const char *path, const char *file)
{
	char name[400];
	FILE *f;

	CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(name, sizeof(name), "%s/%s", path, file);
	f = fopen(name, "w");
	CHECK(f != NULL);
	fclose(f);
}

TEST(tls_anchors_of_a_folder_are_not_read_at_once)
{
	struct made root = ca_authority("Root", NULL);
	const struct made *one = &root;
	char hashed[300], other[300], both[700], file[300];

	snprintf(hashed, sizeof(hashed), "%s", pair_file("hashed"));
	snprintf(other, sizeof(other), "%s", pair_file("other"));
	snprintf(file, sizeof(file), "%s", ca_write("anchors.pem", &one, 1));
	snprintf(both, sizeof(both), "%s:%s", other, hashed);
	make_folder(hashed, "0123abcd.0");
	make_folder(other, "0123abcd.pem");
	CHECK_INT(read_at_once(NULL, hashed), 0);
	CHECK_INT(read_at_once(NULL, both), 0);
	/* who names a file wants it read */
	CHECK_INT(read_at_once(file, hashed), 1);
	CHECK_INT(read_at_once(file, other), 1);
	CHECK_INT(read_at_once(file, ""), 1);
	if (access(X509_get_default_cert_file(), R_OK) == 0) /* it says nothing new */
		CHECK_INT(read_at_once(X509_get_default_cert_file(), hashed), 0);
	made_free(&root);
}
