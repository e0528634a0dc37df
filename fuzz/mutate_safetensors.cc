// Headers changed tensor by tensor, with the length before and the bytes behind them right.
#include <algorithm>
#include <array>

#include "support/restructure.h"
#include "transload/error.h"
#include "wire/json.h"

namespace transload::fuzz {
namespace {

using wire::Json;

constexpr std::size_t kLength = 8;  // bytes before the header that say how long it is
constexpr std::uint64_t kMostData = 16384;

Input file_of(std::string header, std::string_view data, Random& random) {
  if (!random.one_in(4)) header.append((8 - header.size() % 8) % 8, ' ');
  Input out;
  put_u64(out, header.size());
  put_text(out, header);
  put_text(out, data);
  return out;
}

std::uint64_t bits_of(std::string_view dtype) {
  if (dtype == "BOOL") return 8;
  const std::size_t digits = dtype.find_first_of("0123456789");
  if (digits == dtype.npos) return 8;
  const std::uint64_t value = std::strtoull(std::string(dtype.substr(digits)).c_str(), nullptr, 10);
  return value;
}

void change(Json& tensor, Random& random) {
  constexpr std::array<std::string_view, 22> kTypes{
      "F64", "F32",  "F16", "BF16", "I64",     "I32",     "I16",     "I8",      "U64",     "U32", "U16",
      "U8",  "BOOL", "C64", "F4",   "F8_E5M2", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E8M0", "F9",  ""};
  if (!tensor.is_object()) return;
  if (random.one_in(2)) tensor["dtype"] = random.pick(kTypes);
  if (random.one_in(2)) {
    Json shape = Json::array();
    for (std::size_t i = random.one_in(32) ? random.below(300) : random.below(4); i > 0; --i) {
      shape.push_back(random.one_in(16) ? odd_number(random) : random.below(6));
    }
    tensor["shape"] = std::move(shape);
  }
}

// The places of all tensors, one behind the other.
std::uint64_t place(Json& header) {
  std::uint64_t at = 0;
  for (auto& [name, tensor] : header.items()) {
    if (name == "__metadata__" || !tensor.is_object() || !tensor.contains("shape") || !tensor.contains("dtype"))
      continue;
    if (!tensor["shape"].is_array() || !tensor["dtype"].is_string()) continue;
    std::uint64_t size = bits_of(tensor["dtype"].get<std::string>());
    for (const Json& extent : tensor["shape"]) size *= extent.is_number_unsigned() ? extent.get<std::uint64_t>() : 1;
    size /= 8;
    tensor["data_offsets"] = {at, at + size};
    at += size;
  }
  return at;
}

}  // namespace

Input restructured(std::string_view input, Random& random, std::size_t most) {
  if (input.size() < kLength) return {};
  std::uint64_t length = 0;
  std::copy_n(input.data(), kLength, reinterpret_cast<char*>(&length));
  if (length > input.size() - kLength) return {};
  const std::string_view text = input.substr(kLength, length), data = input.substr(kLength + length);
  if (random.one_in(2)) return file_of(mutated(text, most), data, random);
  Json header;
  try {
    header = wire::parse_json(text, "x");
  } catch (const Error&) {
    return {};
  }
  if (!header.is_object()) return {};
  if (header.empty() || random.one_in(8)) header["t" + std::to_string(random.below(100))] = Json::object();
  auto chosen = header.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random.below(header.size())));
  change(chosen.value(), random);
  const std::uint64_t size = place(header);
  std::string bytes(data);
  if (size <= kMostData) bytes.resize(size);
  return file_of(header.dump(), bytes, random);
}

}  // namespace transload::fuzz
