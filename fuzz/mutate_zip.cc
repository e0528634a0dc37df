#include "support/restructure.h"
#include "support/zip_file.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  std::optional<std::vector<ZipRecord>> records = zip_records(input);
  if (!records) return {};
  if (random.one_in(2)) change_records(*records, random);
  if (!records->empty() && random.one_in(2)) {
    Input& content = random.pick(*records).content;
    content = mutated(std::move(content), most);
  }
  return zip_of(*records, random);
}

}  // namespace transload::fuzz
