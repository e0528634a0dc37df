// The keys of a state dict as text: what Python's str() makes of them.
#pragma once

#include <string>

#include "wire/pickle.h"

namespace transload::torch {

// Text as it is; None, True, numbers, bytes and tuples of plain values as str() prints them (repr() inside of
// tuples). Errc::corrupt for text that is not UTF-8, Errc::unsupported for other kinds and for more than 4096 bytes.
// Text inside of tuples: printable ASCII and other characters as repr() has them, except that it does not know which
// characters beyond ASCII Python calls unprintable.
std::string key_text(const wire::Pickle& pickle, wire::PickleRef key);
// Whether all of it is of these kinds: neither a global nor a call.
bool has_key_text(const wire::Pickle& pickle, wire::PickleRef key);

}  // namespace transload::torch
