// JSON from any bytes: an Error, or a value that is written and read again to the same one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "transload/error.h"
#include "wire/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto value = transload::wire::parse_json(text, "x");
    const std::string again = value.dump();
    if (transload::wire::parse_json(again, "x").dump() != again) std::abort();
  } catch (const transload::Error&) {
  }
  return 0;
}
