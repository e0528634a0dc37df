#include "token_ids.h"

#ifdef TRANSLOAD_PROOF

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>
#include <system_error>

#include "core/text.h"
#include "plan/cast.h"
#include "sidecars.h"
#include "transload/error.h"
#include "transload/format.h"

namespace transload::cli {
namespace {

[[noreturn]] void refuse(const std::string& path, Errc code, const std::string& what, std::string_view advice) {
  throw Error(code, what, {.file = path, .offset = {}, .tensor = {}}, advice);
}

Sequences ids_of_text(const std::string& path) {
  constexpr std::string_view kBetween = " \t\r,;[]";
  const std::string text = read_text_file(path).text;
  Sequences sequences;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++number;
    std::vector<std::int64_t> ids;
    while (true) {
      line.remove_prefix(std::min(line.find_first_not_of(kBetween), line.size()));
      if (line.empty()) break;
      const std::string_view word = line.substr(0, line.find_first_of(kBetween));
      std::int64_t id = 0;
      const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
      if (error != std::errc() || stop != word.data() + word.size()) {
        refuse(path, Errc::usage, fmt::format("line {}: '{}' is not a token id", number, shortened(word)),
               "one sequence a line, ids between blanks");
      }
      ids.push_back(id);
      line.remove_prefix(word.size());
    }
    if (!ids.empty()) sequences.push_back(std::move(ids));
  }
  if (sequences.empty()) refuse(path, Errc::usage, "holds no token id", "one sequence a line, ids between blanks");
  return sequences;
}

// One element as an id; `bytes` little endian. Floats are taken where they are whole numbers, as MXNet's ids are.
template <class T>
std::int64_t id_at(const std::vector<std::byte>& bytes, std::size_t i) {
  T value{};
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return static_cast<std::int64_t>(value);
}

std::vector<std::int64_t> elements(const std::string& path, const Reader& reader, const TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor_bytes(tensor.dtype, tensor.shape));
  read_tensor(reader, tensor, bytes);
  const std::uint64_t count = element_count(tensor.shape);
  std::vector<std::int64_t> ids;
  ids.reserve(count);
  if (is_float(tensor.dtype)) {
    std::vector<double> values(count);
    cast(tensor.dtype, DType::f64, bytes, std::as_writable_bytes(std::span(values)));
    for (const double value : values) {
      if (!(std::abs(value) < 1e15) || value != std::trunc(value)) {
        refuse(path, Errc::usage, fmt::format("{} is not a token id", value), "ids are whole numbers");
      }
      ids.push_back(static_cast<std::int64_t>(value));
    }
    return ids;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    switch (tensor.dtype) {
      case DType::u8: ids.push_back(id_at<std::uint8_t>(bytes, i)); break;
      case DType::i8: ids.push_back(id_at<std::int8_t>(bytes, i)); break;
      case DType::u16: ids.push_back(id_at<std::uint16_t>(bytes, i)); break;
      case DType::i16: ids.push_back(id_at<std::int16_t>(bytes, i)); break;
      case DType::u32: ids.push_back(id_at<std::uint32_t>(bytes, i)); break;
      case DType::i32: ids.push_back(id_at<std::int32_t>(bytes, i)); break;
      case DType::i64: ids.push_back(id_at<std::int64_t>(bytes, i)); break;
      default:
        refuse(path, Errc::unsupported, fmt::format("holds {}, and ids are integers", name(tensor.dtype)),
               "save them as int32 or int64");
    }
  }
  return ids;
}

Sequences ids_of_array(const std::string& path) {
  const std::shared_ptr<Reader> reader = open(locate(path));
  const std::vector<TensorInfo>& tensors = reader->index().tensors;
  if (tensors.size() != 1) {
    refuse(path, Errc::unsupported, fmt::format("holds {} arrays, and ids are one", tensors.size()),
           "save the ids as one .npy");
  }
  const TensorInfo& tensor = tensors.front();
  const std::size_t rank = tensor.shape.size();
  if ((rank != 1 && rank != 2) || element_count(tensor.shape) == 0) {
    refuse(path, Errc::unsupported, fmt::format("has the shape {}", to_string(tensor.shape)),
           "ids are [sequences, length] or [length]");
  }
  constexpr std::uint64_t kMost = std::uint64_t{1} << 24;
  if (element_count(tensor.shape) > kMost)
    refuse(path, Errc::unsupported, "holds too many ids", "run the models on fewer");
  const std::vector<std::int64_t> ids = elements(path, *reader, tensor);
  Sequences sequences;
  const std::int64_t length = tensor.shape.back();
  for (auto at = ids.begin(); at != ids.end(); at += length) sequences.emplace_back(at, at + length);
  return sequences;
}

}  // namespace

TokenBatch batch_of(std::string name, const Sequences& sequences) {
  TokenBatch batch;
  batch.name = std::move(name);
  batch.sequences = static_cast<std::int64_t>(sequences.size());
  std::size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  batch.length = static_cast<std::int64_t>(longest);
  const bool padded = std::ranges::any_of(sequences, [&](const auto& each) { return each.size() != longest; });
  for (const auto& sequence : sequences) {
    batch.ids.insert(batch.ids.end(), sequence.begin(), sequence.end());
    batch.ids.insert(batch.ids.end(), longest - sequence.size(), 0);
    if (padded) batch.valid.push_back(static_cast<std::int64_t>(sequence.size()));
  }
  return batch;
}

TokenBatch read_ids(const std::string& path) {
  const std::string extension = fs::path(path).extension().string();
  const Sequences sequences = extension == ".npy" || extension == ".npz" ? ids_of_array(path) : ids_of_text(path);
  return batch_of(fmt::format("ids of {}", fs::path(path).filename().string()), sequences);
}

}  // namespace transload::cli

#endif
