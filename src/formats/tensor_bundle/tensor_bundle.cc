#include "formats/tensor_bundle/tensor_bundle.h"

namespace transload::tensor_bundle {
namespace {

bool is_digits(std::string_view text) {
  return text.size() >= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "….data-00000-of-00001"
bool is_shard_name(std::string_view name) {
  constexpr std::string_view kData = ".data-", kOf = "-of-";
  const std::size_t data = name.rfind(kData);
  if (data == std::string_view::npos) return false;
  const std::string_view numbers = name.substr(data + kData.size());
  const std::size_t of = numbers.find(kOf);
  return of != std::string_view::npos && is_digits(numbers.substr(0, of)) && is_digits(numbers.substr(of + kOf.size()));
}

// A table's magic is at its end. Its beginning is the entry with the empty key: nothing shared, no key, the size of the
// header, the header's first field.
bool begins_like_an_index(ByteView head) {
  return head.size() >= 4 && head[0] == std::byte{0} && head[1] == std::byte{0} && head[3] == std::byte{0x08};
}

int sniff(std::string_view file_name, ByteView head) {
  if (file_name.ends_with(".index")) return begins_like_an_index(head) ? 95 : 40;
  return is_shard_name(file_name) ? 90 : 0;
}

constexpr Format kTensorBundle{
    .name = "tensor_bundle",
    .title = "TensorFlow checkpoint (V2)",
    .keeps_ties = false,
    .sniff = sniff,
    .open = open,
    .layout = layout,
    .finish = finish,
};

}  // namespace

const Format& tensor_bundle_format() { return kTensorBundle; }

}  // namespace transload::tensor_bundle
