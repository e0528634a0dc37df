// Mapping files: a family and its dialects, with a byte 0xFF between them; without it, the built-in dialects are not
// there. An Error with what is wrong, or a mapping that can be asked.
#include <cstddef>
#include <cstdint>
#include <string>

#include "parts.h"
#include "transload/error.h"
#include "transload/mapping.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  const auto parts = fuzz::parts_of(data, size, 2);
  try {
    const Mapping mapping = Mapping::parse(parts[0], parts.size() > 1 ? parts[1] : std::string_view(), "x.toml");
    Index index;
    for (const std::string& dialect : mapping.dialects()) static_cast<void>(mapping.fit(index, dialect));
    static_cast<void>(mapping.bind(index, {}));
  } catch (const Error&) {
  }
  return 0;
}
