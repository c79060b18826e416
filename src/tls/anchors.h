/* The system's trust anchors: a folder of files that are named by hashes of the subjects, of which
 * one is read when a certificate asks for it; or one file with all of them, which is read at once,
 * and takes longer, and more memory, than the rest of a start. */
#pragma once

#include "base/base.h"

#include <openssl/types.h>

/* False: OpenSSL's queue of errors has the reason. */
nodiscard bool tls_add_system_anchors(X509_STORE *store);
