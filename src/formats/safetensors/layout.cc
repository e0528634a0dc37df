#include "formats/safetensors/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "core/text.h"
#include "formats/check_slots.h"
#include "formats/safetensors/dtypes.h"
#include "formats/safetensors/header.h"
#include "transload/error.h"

namespace transload::safetensors {
namespace {

constexpr std::size_t kHeaderAlignment = 8;

// A slot as this format writes it.
struct Item {
  Written as;
  Shape shape;
  std::uint64_t bytes = 0;
};

// serde_json's escapes: the short ones, other controls as \u00xx, everything else as it is.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\f': out += "\\f"; break;
      case '\r': out += "\\r"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

// Why the format cannot hold a slot; empty if it can.
std::string problem(const Slot& slot) {
  if (const std::string_view name = name_problem(slot.name); !name.empty()) return fmt::format("its name {}", name);
  if (!written(slot.dtype)) return fmt::format("there is no {}", name(slot.dtype));
  if (slot.shape.size() > kMaxRank) return fmt::format("it has more than {} dimensions", kMaxRank);
  if (slot.dtype == DType::f4_e2m1fn_x2 && slot.shape.empty())
    return "a scalar pair of 4-bit numbers has no dimension to double";
  return {};
}

std::vector<std::string> metadata_problems(const Plan& plan) {
  std::vector<std::string> problems;
  for (const auto& [key, value] : plan.metadata) {
    if (!valid_utf8(key) || !valid_utf8(value)) {
      problems.push_back(fmt::format("metadata '{}': it is not valid UTF-8", shortened(key)));
    }
  }
  return problems;
}

Item item(const Slot& slot) {
  Item result{*written(slot.dtype), slot.shape, tensor_bytes(slot.dtype, slot.shape)};
  if (slot.dtype == DType::f4_e2m1fn_x2 && __builtin_mul_overflow(result.shape.back(), 2, &result.shape.back())) {
    throw Error(Errc::unsupported, "its last dimension cannot be doubled",
                {.file = {}, .offset = {}, .tensor = slot.name});
  }
  return result;
}

}  // namespace

Layout layout(const Plan& plan, const LayoutOptions& options) {
  check_slots(plan, "a safetensors file", "choose another format, or change the dtype", problem,
              metadata_problems(plan));
  std::vector<Item> items;
  items.reserve(plan.slots.size());
  std::ranges::transform(plan.slots, std::back_inserter(items), item);
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    if (items[a].as.rank != items[b].as.rank) return items[a].as.rank > items[b].as.rank;
    return plan.slots[a].name < plan.slots[b].name;  // bytes compare as unsigned
  });

  Layout result;
  result.format = "safetensors";
  result.slots.resize(items.size());
  std::string header(kLengthBytes, '\0');
  char separator = '{';
  if (!plan.metadata.empty()) {
    header += "{\"__metadata__\":";
    for (const auto& [key, value] : plan.metadata) {
      header += separator;
      append_string(header, key);
      header += ':';
      append_string(header, value);
      separator = ',';
    }
    header += '}';
  }
  std::uint64_t end = 0;
  for (const std::size_t i : order) {
    const std::uint64_t begin = end;
    if (__builtin_add_overflow(end, items[i].bytes, &end) || end >> 63 != 0) {
      throw Error(Errc::unsupported, "all tensors together are larger than any file");
    }
    result.slots[i] = {.file = 0, .offset = begin, .size = items[i].bytes};
    header += separator;
    append_string(header, plan.slots[i].name);
    fmt::format_to(std::back_inserter(header), ":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                   items[i].as.name, fmt::join(items[i].shape, ","), begin, end);
    separator = ',';
  }
  if (separator == '{') header += '{';
  header += '}';
  header.append((kHeaderAlignment - header.size() % kHeaderAlignment) % kHeaderAlignment, ' ');

  const std::uint64_t length = header.size() - kLengthBytes;
  if (length > kMaxHeader) {
    throw Error(Errc::unsupported,
                fmt::format("the header would take {} bytes; at most {} are allowed", length, kMaxHeader));
  }
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(header.data(), &length, kLengthBytes);
  for (Extent& slot : result.slots) slot.offset += header.size();
  result.files = {{.name = options.name, .size = header.size() + end, .retract = false, .shared = false}};
  result.fixed = {{.file = 0, .offset = 0, .bytes = std::move(header)}};
  return result;
}

}  // namespace transload::safetensors
