// One of the files value by value where it is JSON.
#include <algorithm>

#include "support/json_value.h"
#include "support/restructure.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  std::vector<std::size_t> begins;  // of JSON texts, behind the byte that tells the file
  for (std::size_t at = 0; at < input.size(); at = std::min(input.find('\xFF', at), input.size() - 1) + 1) {
    if (at + 1 < input.size() && input[at + 1] == '{') begins.push_back(at + 1);
  }
  if (begins.empty()) return {};
  const std::size_t begin = random.pick(begins), end = std::min(input.find('\xFF', begin), input.size());
  const Input changed = mutated_json(input.substr(begin, end - begin), random, most);
  if (changed.empty()) return {};
  Input out = input_of(input.substr(0, begin));
  put_bytes(out, changed);
  put_text(out, input.substr(end));
  return out;
}

}  // namespace transload::fuzz
