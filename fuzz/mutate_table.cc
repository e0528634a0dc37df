// Entries changed one by one, and the table built anew around them.
#include "support/proto_message.h"
#include "support/restructure.h"
#include "table_repair.h"
#include "transload/error.h"
#include "transload/io.h"
#include "wire/table.h"
#include "wire/table_builder.h"

#include <map>

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  std::map<std::string, std::string> entries;
  try {
    const wire::Table table(memory_source("x", Bytes(as_bytes(input), nullptr)));
    table.for_each([&](const wire::TableEntry& entry) { entries.emplace(entry.key, entry.value); });
  } catch (const Error&) {
    if (entries.empty()) return {};
  }
  if (!entries.empty()) {
    auto chosen = entries.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(random.below(entries.size())));
    switch (random.below(4)) {
      case 0: entries.erase(chosen); break;
      case 1: entries[mutated(chosen->first, 300)] = std::string(chosen->second); break;
      default: chosen->second = text_of(mutated_message(chosen->second, random, most));
    }
  }
  wire::TableBuilder table({.block_size = std::uint64_t{1} << random.below(13),
                            .restart_interval = static_cast<std::uint32_t>(1 + random.below(17))});
  for (const auto& [key, value] : entries) table.add(key, value);
  Input out = input_of(table.finish());
  if (random.one_in(2)) {
    out = mutated(std::move(out), most);
    std::vector<std::byte> bytes(out.size());
    std::memcpy(bytes.data(), out.data(), out.size());
    fuzzing::repair_table(bytes);
    std::memcpy(out.data(), bytes.data(), bytes.size());
  }
  return out;
}

}  // namespace transload::fuzz
