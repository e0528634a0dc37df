// JSON as a file may hold it: strict, with the order of keys kept.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace transload::wire {

using Json = nlohmann::ordered_json;

// What a JSON text consists of, in its order. A handler refuses what it does not want by throwing Error, whose file
// and offset are filled in.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;
  virtual void begin(bool object) = 0;  // '{' if `object`, otherwise '['
  virtual void end() = 0;               // of the innermost open one
  virtual void key(std::string name) = 0;
  virtual void scalar(Json value) = 0;  // a string, a number, a boolean or null
};

// Reads exactly one JSON value (RFC 8259): valid UTF-8, no duplicate keys in an object, no nesting deeper than 64, no
// byte-order mark, no comments, no number beyond what its type holds. Errc::corrupt with `file` and the offset, counted
// from `base`. Integers keep their kind: is_number_unsigned() is true only for a plain run of digits.
void read_json(std::string_view text, const std::string& file, std::uint64_t base, JsonEvents& events);

// The same as one value in memory: some ten times the size of the text, so only for texts of a bounded size.
Json parse_json(std::string_view text, const std::string& file, std::uint64_t base = 0);

}  // namespace transload::wire
