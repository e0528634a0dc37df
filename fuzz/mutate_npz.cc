// The arrays inside of archives.
#include <array>

#include "support/npy_array.h"
#include "support/restructure.h"
#include "support/zip_file.h"

namespace transload::fuzz {

Input restructured(std::string_view input, Random& random, std::size_t most) {
  // A sparse array of MXNet is a folder of these.
  constexpr std::array<std::string_view, 6> kParts{"format.npy", "data.npy",  "indices.npy",
                                                   "indptr.npy", "shape.npy", "w.npy"};
  std::optional<std::vector<ZipRecord>> records = zip_records(input);
  if (!records) return {};
  if (random.one_in(4)) change_records(*records, random);
  if (records->empty()) return zip_of(*records, random);
  ZipRecord& record = random.pick(*records);
  if (Input array = mutated_array(text_of(record.content), random, most); !array.empty()) {
    record.content = std::move(array);
  } else {
    record.content = mutated(std::move(record.content), most);
  }
  if (random.one_in(8)) {
    const std::string folder = record.name.substr(0, record.name.find('/'));
    record.name = folder + "/" + std::string(random.pick(kParts));
  }
  return zip_of(*records, random);
}

}  // namespace transload::fuzz
