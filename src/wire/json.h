// JSON as a file may hold it: strict, with the order of keys kept.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace transload::wire {

using Json = nlohmann::ordered_json;

// Parses exactly one JSON value (RFC 8259): no duplicate keys in an object, no nesting deeper than 64, no byte-order
// mark, no comments, no number beyond what its type holds. Errc::corrupt with `file` and the offset, counted from
// `base`. Integers keep their kind: is_number_unsigned() is true only for a plain run of digits.
Json parse_json(std::string_view text, const std::string& file, std::uint64_t base = 0);

}  // namespace transload::wire
