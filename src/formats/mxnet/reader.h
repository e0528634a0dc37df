// Opens a .params file as a Reader.
#pragma once

#include <memory>
#include <string_view>

#include "transload/format.h"

namespace transload::mxnet {

// How surely these are the first bytes of a list of arrays: 0 ... 100.
int sniff(std::string_view file_name, ByteView head);
// Names lose their "arg:" or "aux:" (Errc::corrupt where two become one); sparse arrays are read as dense ones; arrays
// without a value are left out. What was done is in the notes. OpenOptions::key must be empty (Errc::usage).
std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options);

}  // namespace transload::mxnet
