// The pickles and numbers inside of the archives of PyTorch 0.1.
#include <utility>

#include "support/pickle_program.h"
#include "support/restructure.h"
#include "support/tar_file.h"

namespace transload::fuzz {
namespace {

// A run of pickles with numbers between them: one of the pickles is changed, which one is found by its first byte.
Input changed_run(const Input& run, Random& random, std::size_t most) {
  std::vector<std::size_t> begins;
  for (std::size_t i = 0; i + 1 < run.size(); ++i) {
    if (run[i] == 0x80 && run[i + 1] <= 5) begins.push_back(i);
  }
  if (begins.empty() || random.one_in(4)) return mutated(run, most);
  const std::string_view text = text_of(run);
  const std::size_t at = random.pick(begins), size = pickle_size(text.substr(at));
  Input out = input_of(text.substr(0, at));
  put_bytes(out, mutated_pickle(text.substr(at, size), random, most));
  put_text(out, text.substr(at + size));
  return out;
}

}  // namespace

Input restructured(std::string_view input, Random& random, std::size_t most) {
  std::optional<std::vector<TarRecord>> records = tar_records(input);
  if (!records || records->empty()) return {};
  TarRecord& record = random.pick(*records);
  switch (random.below(12)) {
    case 0: std::swap(record, random.pick(*records)); break;
    case 1: records->push_back(TarRecord(record)); break;
    case 2: record.name = mutated(record.name, 100); break;
    case 3: record.type = static_cast<char>('0' + random.below(8)); break;
    default: record.content = changed_run(record.content, random, most);
  }
  return tar_of(*records, random);
}

}  // namespace transload::fuzz
