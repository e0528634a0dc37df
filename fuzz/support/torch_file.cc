#include "support/torch_file.h"

#include <algorithm>

#include "support/pickle_program.h"
#include "support/zip_file.h"

namespace transload::fuzz {
namespace {

void change_content(ZipRecord& record, Random& random, std::size_t most) {
  if (record.name.ends_with(".pkl")) {
    record.content = mutated_pickle(text_of(record.content), random, most);
  } else if (record.name.ends_with("byteorder")) {
    record.content = input_of(random.one_in(2) ? "big" : "little");
  } else if (record.name.ends_with("version")) {
    record.content = input_of(std::to_string(random.below(12)));
  } else if (random.one_in(2)) {
    record.content.resize(random.below(64));
  } else {
    record.content = mutated(std::move(record.content), most);
  }
}

Input mutated_archive(std::vector<ZipRecord> records, Random& random, std::size_t most) {
  if (random.one_in(4)) change_records(records, random);
  if (!records.empty()) {
    const auto pickle =
        std::ranges::find_if(records, [](const ZipRecord& record) { return record.name.ends_with("data.pkl"); });
    ZipRecord& chosen = pickle != records.end() && !random.one_in(4) ? *pickle : random.pick(records);
    change_content(chosen, random, most);
  }
  return zip_of(records, random);
}

// Five pickles, then the storages.
Input mutated_stream(std::string_view input, Random& random, std::size_t most) {
  constexpr std::size_t kPickles = 5, kObject = 3;
  const std::size_t chosen = random.one_in(4) ? random.below(kPickles + 1) : kObject;
  Input out;
  for (std::size_t i = 0; i < kPickles && !input.empty(); ++i) {
    const std::string_view pickle = input.substr(0, pickle_size(input));
    if (i == chosen) {
      put_bytes(out, mutated_pickle(pickle, random, most));
    } else {
      put_text(out, pickle);
    }
    input.remove_prefix(pickle.size());
  }
  put_text(out, chosen == kPickles ? mutated(input, most) : std::string(input));
  return out;
}

}  // namespace

Input mutated_checkpoint(std::string_view input, Random& random, std::size_t most) {
  if (auto records = zip_records(input)) return mutated_archive(*std::move(records), random, most);
  if (input.starts_with("\x80") || input.starts_with("L") || input.starts_with("(")) {
    return mutated_stream(input, random, most);
  }
  return {};
}

}  // namespace transload::fuzz
