// A bundle of one data file, given in one of two ways.
//
// An index file, with its checksums made to match; the data file then is 4096 bytes of a pattern.
// Or entries, from which a sound table is built: the size of the data file (one byte), the data, then for each entry
// the size of its key (one byte), the key, the size of its value (one byte), the value. fuzz/seeds/bundle has some.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "formats/tensor_bundle/checkpoint_file.h"
#include "formats/tensor_bundle/tensor_bundle.h"
#include "table_repair.h"
#include "transload/error.h"
#include "transload/format.h"
#include "wire/table_builder.h"

namespace {

class TwoFiles final : public transload::Store {
 public:
  TwoFiles(std::string index, std::string data)
      : files_{{"m.index", std::make_shared<const std::string>(std::move(index))},
               {"m.data-00000-of-00001", std::make_shared<const std::string>(std::move(data))}} {}
  std::string describe(std::string_view name) const override { return std::string(name); }
  std::vector<std::string> list() const override { return {"m.data-00000-of-00001", "m.index"}; }
  bool exists(std::string_view name) const override { return files_.contains(std::string(name)); }
  std::shared_ptr<transload::Source> open(std::string_view name) const override {
    const auto& bytes = files_.at(std::string(name));  // a reader outlives its store
    return transload::memory_source(std::string(name), transload::Bytes(transload::as_bytes(*bytes), bytes));
  }

 private:
  std::map<std::string, std::shared_ptr<const std::string>> files_;
};

std::string_view take(std::string_view& rest) {
  if (rest.empty()) return {};
  const auto size = static_cast<unsigned char>(rest.front());
  const std::string_view part = rest.substr(1, size);
  rest.remove_prefix(1 + part.size());
  return part;
}

std::shared_ptr<TwoFiles> from_index(std::string_view input) {
  const transload::ByteView view = transload::as_bytes(input);
  std::vector<std::byte> index(view.begin(), view.end());
  transload::fuzzing::repair_table(index);
  std::string data(4096, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 131 >> 3);
  return std::make_shared<TwoFiles>(std::string(transload::as_text(index)), std::move(data));
}

std::shared_ptr<TwoFiles> from_entries(std::string_view input) {
  const std::string data(take(input));
  std::map<std::string, std::string> entries{{"", std::string("\x08\x01\x1a\x02\x08\x01", 6)}};
  while (!input.empty()) {
    const std::string key(take(input));
    entries[key] = take(input);
  }
  transload::wire::TableBuilder table;
  for (const auto& [key, value] : entries) table.add(key, value);
  return std::make_shared<TwoFiles>(table.finish(), data);
}

void read(std::shared_ptr<TwoFiles> files) {
  try {
    const auto reader = transload::tensor_bundle::tensor_bundle_format().open(std::move(files), "m", {});
    for (const transload::TensorInfo& tensor : reader->index().tensors) {
      try {
        transload::tensor_digest(*reader, tensor);
      } catch (const transload::Error&) {
      }
    }
  } catch (const transload::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  try {
    transload::tensor_bundle::checkpoint_prefix(input, "checkpoint");
  } catch (const transload::Error&) {
  }
  read(from_index(input));
  read(from_entries(input));
  return 0;
}
