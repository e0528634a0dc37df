// PyTorch files: tensors within the file, or an Error.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/torch/torch.h"
#include "transload/error.h"

namespace {

class OneFile final : public transload::Store {
 public:
  explicit OneFile(transload::Bytes bytes) : source_(transload::memory_source("fuzz.pt", std::move(bytes))) {}
  std::string describe(std::string_view name) const override { return std::string(name); }
  std::vector<std::string> list() const override { return {"fuzz.pt"}; }
  bool exists(std::string_view) const override { return true; }
  std::shared_ptr<transload::Source> open(std::string_view) const override { return source_; }

 private:
  std::shared_ptr<transload::Source> source_;
};

// False where the file is refused. `inner`: the name of a container with tensors in it, if there is one.
bool read(const std::shared_ptr<OneFile>& store, bool opaque, const std::string& key, std::string& inner) {
  try {
    const auto reader =
        transload::torch::torch_format().open(store, "fuzz.pt", {.key = key, .allow_opaque = opaque, .dense = true});
    for (const auto& tensor : reader->index().tensors) {
      if (const std::size_t slash = tensor.name.find('/'); slash != tensor.name.npos)
        inner = tensor.name.substr(0, slash);
      const std::uint64_t need = transload::tensor_bytes(tensor.dtype, tensor.shape);
      if (need > (1 << 22)) continue;
      std::vector<std::byte> out(need);
      try {
        transload::read_tensor(*reader, tensor, out);
      } catch (const transload::Error&) {
      }
    }
    return true;
  } catch (const transload::Error&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto store = std::make_shared<OneFile>(transload::Bytes(std::vector(bytes, bytes + size)));
  std::string inner, unused;
  const bool opaque = !read(store, false, {}, inner);
  if (opaque) read(store, true, {}, inner);
  if (!inner.empty()) read(store, opaque, inner, unused);
  return 0;
}
