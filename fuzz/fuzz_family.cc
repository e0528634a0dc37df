// Mapping files: a family and its dialects, with a byte 0xFF between them. An Error with what is wrong, or a mapping
// that can be asked.
#include <cstddef>
#include <cstdint>

#include "parts.h"
#include "small_models.h"
#include "transload/error.h"
#include "transload/mapping.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  static const Index index = fuzz::small_gluon();
  const auto parts = fuzz::parts_of(data, size, 2);
  try {
    const Mapping mapping = Mapping::parse(parts[0], parts.size() > 1 ? parts[1] : std::string_view(), "x.toml");
    for (const std::string& dialect : mapping.dialects()) static_cast<void>(mapping.fit(index, dialect));
    const Binding binding = mapping.bind(index, {});
    for (const std::string& dialect : mapping.dialects()) {
      static_cast<void>(mapping.config_file(binding, dialect, DType::f32, {}));
    }
  } catch (const Error&) {
  }
  return 0;
}
