// PyTorch files for tests: from the fixtures, or from bytes in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "formats/torch/torch.h"
#include "transload/error.h"
#include "transload/format.h"

namespace transload::test {

inline std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Errc::io, "no such file", {.file = path.string(), .offset = {}, .tensor = {}});
  return {std::istreambuf_iterator<char>(in), {}};
}

inline Bytes owned(const std::string& text) {
  const ByteView view = as_bytes(text);
  return Bytes(std::vector<std::byte>(view.begin(), view.end()));
}

// One file, "model.pt", with these bytes.
class OneFileStore final : public Store {
 public:
  explicit OneFileStore(const std::string& bytes) : source_(memory_source("model.pt", owned(bytes))) {}
  std::string describe(std::string_view name) const override { return std::string(name); }
  std::vector<std::string> list() const override { return {"model.pt"}; }
  bool exists(std::string_view name) const override { return name == "model.pt"; }
  std::shared_ptr<Source> open(std::string_view) const override { return source_; }

 private:
  std::shared_ptr<Source> source_;
};

inline std::unique_ptr<Reader> open_torch(const std::string& bytes, const std::string& key = {}) {
  return torch::torch_format().open(std::make_shared<OneFileStore>(bytes), "model.pt", {.key = key});
}

inline std::unique_ptr<Reader> open_torch(const std::filesystem::path& path, const std::string& key = {}) {
  return torch::torch_format().open(open_folder(path.parent_path()), path.filename().string(), {.key = key});
}

// With --allow-opaque.
inline std::unique_ptr<Reader> open_opaque(const std::string& bytes) {
  return torch::torch_format().open(std::make_shared<OneFileStore>(bytes), "model.pt",
                                    {.key = {}, .allow_opaque = true});
}

// Names with the digests of all tensors: whatever is wrong with the file throws.
inline std::vector<std::pair<std::string, std::string>> digests(const Reader& reader) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const TensorInfo& tensor : reader.index().tensors) all.emplace_back(tensor.name, tensor_digest(reader, tensor));
  return all;
}

}  // namespace transload::test
