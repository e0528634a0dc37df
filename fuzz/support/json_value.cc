#include "support/json_value.h"

#include <array>
#include <utility>
#include <vector>

#include "transload/error.h"
#include "wire/json.h"

namespace transload::fuzz {
namespace {

using wire::Json;

// Every value, the whole first.
std::vector<Json*> values_of(Json& whole) {
  std::vector<Json*> values{&whole};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]->is_structured()) continue;
    for (Json& part : *values[i]) values.push_back(&part);
  }
  return values;
}

Json scalar(Random& random) {
  constexpr std::array<double, 8> kNumbers{0.0, -0.0, 0.1, 1e-12, 1e300, -1.5, 8.0, 4.9e-324};
  constexpr std::array<std::string_view, 12> kTexts{
      "",    "a",   "gelu", "bert",     "../x", "model-00001-of-00002.safetensors",
      "F32", "f32", "{}",   "\xc3\xa9", "copy", "absolute"};
  switch (random.below(6)) {
    case 0: return nullptr;
    case 1: return random.one_in(2);
    case 2: return random.pick(kNumbers);
    case 3: return std::string(random.pick(kTexts));
    case 4: return -static_cast<std::int64_t>(odd_number(random) >> 1);
    default: return odd_number(random);
  }
}

void change(Json& whole, Random& random, std::size_t most) {
  const std::vector<Json*> values = values_of(whole);
  Json& value = *values[random.below(values.size())];
  const Json other = *values[random.below(values.size())];
  switch (random.below(8)) {
    case 0: value = other; break;
    case 1:
      if (value.is_object()) {
        value["k" + std::to_string(random.below(20))] = other;
      } else if (value.is_array()) {
        value.push_back(other);
      } else {
        value = Json::array({value});
      }
      break;
    case 2:
      if (value.is_structured() && !value.empty()) {
        auto at = value.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random.below(value.size())));
        value.erase(at);
        break;
      }
      [[fallthrough]];
    case 3:
    case 4:
      if (value.is_string()) {
        value = mutated(value.get<std::string>(), std::min<std::size_t>(most, 512));
        break;
      }
      [[fallthrough]];
    case 5:
      if (value.is_number_unsigned()) {
        value = value.get<std::uint64_t>() + random.below(5) - 2;
        break;
      }
      [[fallthrough]];
    default:
      if (!value.is_structured() || random.one_in(8)) value = scalar(random);
  }
}

}  // namespace

Input mutated_json(std::string_view text, Random& random, std::size_t most) {
  try {
    Json whole = wire::parse_json(text, "x");
    for (std::size_t changes = 1 + random.below(3); changes > 0; --changes) change(whole, random, most);
    return input_of(whole.dump(-1, ' ', random.one_in(4), Json::error_handler_t::replace));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace transload::fuzz
