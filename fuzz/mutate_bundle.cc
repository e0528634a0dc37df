// Entries of a bundle, field by field, with the checksums of their tensors right.
#include <algorithm>
#include <utility>

#include "formats/tensor_bundle/entry.h"
#include "support/proto_message.h"
#include "support/restructure.h"
#include "transload/error.h"
#include "wire/crc.h"

namespace transload::fuzz {
namespace {

std::string take(std::string_view& rest) {
  if (rest.empty()) return {};
  const std::string_view part = rest.substr(1, static_cast<unsigned char>(rest.front()));
  rest.remove_prefix(1 + part.size());
  return std::string(part);
}

void put(Input& out, std::string_view part) {
  part = part.substr(0, 255);
  out.push_back(static_cast<std::uint8_t>(part.size()));
  put_text(out, part);
}

using Item = std::pair<std::string, std::string>;

// The entry says the checksum that its bytes have. Those of strings are made otherwise.
void mend_checksum(Item& item, std::string_view data) {
  try {
    tensor_bundle::Entry entry = tensor_bundle::read_entry({item.first, item.second, 0}, "x");
    if (entry.offset > data.size() || entry.size > data.size() - entry.offset) return;
    const std::uint32_t crc = wire::mask_crc32c(wire::crc32c(0, as_bytes(data.substr(entry.offset, entry.size))));
    if (entry.masked_crc32c == crc) return;
    entry.masked_crc32c = crc;
    item.second = tensor_bundle::entry_bytes(entry);
  } catch (const Error&) {
  }
}

}  // namespace

Input restructured(std::string_view input, Random& random, std::size_t most) {
  if (input.ends_with("\x57\xfb\x80\x8b\x24\x75\x47\xdb")) return {};  // an index file
  std::string data = take(input);
  std::vector<Item> items;
  while (!input.empty()) {
    std::string key = take(input);
    items.emplace_back(std::move(key), take(input));
  }
  if (items.empty()) items.emplace_back("w", "\x08\x01\x12\x04\x12\x02\x08\x03\x28\x0c");
  Item& item = random.pick(items);
  bool mend = !random.one_in(8);
  switch (random.below(8)) {
    case 0: data = mutated(data, 255); break;
    case 1: item.first = mutated(item.first, 64); break;
    case 2: items.push_back({item.first + "2", item.second}); break;
    case 3: items.erase(items.begin() + static_cast<std::ptrdiff_t>(random.below(items.size()))); break;
    case 4: std::swap(item.second, random.pick(items).second); break;
    case 5: item.second = mutated(item.second, 255), mend = false; break;
    default: item.second = text_of(mutated_message(item.second, random, most));
  }
  Input out;
  put(out, data);
  for (Item& each : items) {
    if (mend && !each.first.empty() && !each.second.starts_with("\x08\x07")) mend_checksum(each, data);
    put(out, each.first);
    put(out, each.second);
  }
  return out;
}

}  // namespace transload::fuzz
