// The table of an index.
#include <cstddef>
#include <cstdint>
#include <string>

#include "table_repair.h"
#include "transload/error.h"
#include "transload/io.h"
#include "wire/table.h"

namespace {

void read(std::vector<std::byte> data) {
  try {
    const transload::wire::Table table(transload::memory_source("fuzz.index", transload::Bytes(std::move(data))));
    std::string before;
    bool first = true;
    table.for_each([&](const transload::wire::TableEntry& entry) {
      if (!first && entry.key <= before) __builtin_trap();  // what the reader promises
      before = entry.key;
      first = false;
    });
  } catch (const transload::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  std::vector<std::byte> data(begin, begin + size);
  read(data);
  transload::fuzzing::repair_table(data);
  read(std::move(data));
  return 0;
}
