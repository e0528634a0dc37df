#include "support/proto_message.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace transload::fuzz {
namespace {

struct Field {
  std::uint64_t tag = 0;    // number * 8 + wire type
  std::uint64_t value = 0;  // of the wire types 0, 1 and 5
  std::string content;      // of the wire type 2
};

bool take_varint(std::string_view& bytes, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << (7 * i);
    if (byte >= 0x80) continue;
    bytes.remove_prefix(i + 1);
    return true;
  }
  return false;
}

void put_varint(Input& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

std::size_t fixed_width(std::uint64_t tag) { return tag % 8 == 1 ? 8 : tag % 8 == 5 ? 4 : 0; }

// The fields, and in `rest` what follows the last whole one.
std::vector<Field> fields_of(std::string_view bytes, std::string_view& rest) {
  std::vector<Field> fields;
  for (rest = bytes; !bytes.empty(); rest = bytes) {
    Field field;
    if (!take_varint(bytes, field.tag)) return fields;
    if (const std::size_t width = fixed_width(field.tag); width != 0) {
      if (bytes.size() < width) return fields;
      for (std::size_t i = 0; i < width; ++i) {
        field.value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
      }
      bytes.remove_prefix(width);
    } else if (!take_varint(bytes, field.value)) {
      return fields;
    } else if (field.tag % 8 == 2) {
      if (field.value > bytes.size()) return fields;
      field.content = bytes.substr(0, field.value);
      bytes.remove_prefix(field.value);
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

Input bytes_of(const std::vector<Field>& fields, std::string_view rest, Random& random) {
  Input out;
  for (const Field& field : fields) {
    put_varint(out, field.tag);
    switch (field.tag % 8) {
      case 1: put_u64(out, field.value); break;
      case 5: put_u32(out, field.value); break;
      case 2:
        put_varint(out, random.one_in(256) ? odd_number(random) : field.content.size());
        put_text(out, field.content);
        break;
      default: put_varint(out, field.value);
    }
  }
  put_text(out, rest);
  return out;
}

Field random_field(Random& random) {
  static constexpr std::uint8_t kTypes[] = {0, 0, 0, 2, 2, 5, 1, 3};
  Field field{.tag = (1 + random.below(8)) * 8 + random.pick(kTypes), .value = odd_number(random), .content = {}};
  if (random.one_in(4)) field.value = ~std::uint64_t{0} - random.below(4);  // a small negative number
  if (field.tag % 8 == 2 && random.one_in(2)) {
    const Field inner{.tag = 8 * (1 + random.below(3)), .value = odd_number(random), .content = {}};
    field.content = text_of(bytes_of({inner}, {}, random));
  }
  return field;
}

void change(std::vector<Field>& fields, Random& random, std::size_t most, int depth) {
  if (fields.empty()) fields.push_back(random_field(random));
  const std::size_t at = random.below(fields.size());
  Field& field = fields[at];
  switch (random.below(8)) {
    case 0: fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(at), random_field(random)); break;
    case 1: fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 2: fields.push_back(Field(field)); break;
    case 3: std::swap(field, fields[random.below(fields.size())]); break;
    case 4: field.tag = (1 + random.below(8)) * 8 + field.tag % 8; break;
    default:
      if (field.tag % 8 != 2) {
        field.value = random.one_in(2) ? odd_number(random) : field.value + random.below(5) - 2;
      } else if (depth > 0 && !random.one_in(8)) {
        std::string_view rest;
        std::vector<Field> inner = fields_of(field.content, rest);
        change(inner, random, most, depth - 1);
        field.content = text_of(bytes_of(inner, rest, random));
      } else {
        field.content = mutated(field.content, most);
      }
  }
}

}  // namespace

Input mutated_message(std::string_view message, Random& random, std::size_t most) {
  constexpr int kDepth = 4;
  std::string_view rest;
  std::vector<Field> fields = fields_of(message, rest);
  for (std::size_t changes = 1 + random.below(3); changes > 0; --changes) change(fields, random, most, kDepth);
  Input out = bytes_of(fields, rest, random);
  if (out.size() > most) out.resize(most);
  return out;
}

}  // namespace transload::fuzz
