/* The library of X25519's fixed base point, loaded with the first configuration that gives tickets. */
#pragma once

#include "base/library.h"

#include <sodium/crypto_scalarmult_curve25519.h>

#define LIBSODIUM_FUNCTIONS(X) X(crypto_scalarmult_curve25519_base)

LIBRARY_DECLARE(libsodium, LIBSODIUM_FUNCTIONS)

#define crypto_scalarmult_curve25519_base libsodium.crypto_scalarmult_curve25519_base
