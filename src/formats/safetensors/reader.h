// Opens a safetensors file as a Reader.
#pragma once

#include <memory>
#include <string_view>

#include "transload/format.h"

namespace transload::safetensors {

// How surely these are the first bytes of a safetensors file: 0 ... 100.
int sniff(std::string_view file_name, ByteView head);
// OpenOptions::key must be empty: there are no containers (Errc::usage).
std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options);

}  // namespace transload::safetensors
