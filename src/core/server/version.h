#pragma once

#define MEERKAT_VERSION "0.1.0"
