#include "formats/safetensors/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "core/text.h"
#include "formats/safetensors/dtypes.h"
#include "transload/error.h"
#include "wire/cursor.h"
#include "wire/json.h"

namespace transload::safetensors {
namespace {

constexpr std::string_view kAgain = "get the file again";

// Follows the JSON text and fills a Header; it holds one tensor's fields at a time.
class HeaderEvents final : public wire::JsonEvents {
 public:
  explicit HeaderEvents(Header& header) : header_(header) {}

  void begin(bool object) override {
    const auto wrong = [&](std::string_view what) {
      fail(fmt::format("{} {}", what, object ? "an object" : "a list"));
    };
    switch (++depth_) {
      case 1:
        if (!object) fail("the header is not a JSON object");
        return;
      case 2:
        if (!object) fail(in_metadata_ ? "__metadata__ is not an object" : "a tensor's entry is not an object");
        return;
      case 3:
        if (in_metadata_) wrong("a metadata value is not a string but");
        if (field_ == Field::dtype || object) wrong(fmt::format("{} is", name(field_)));
        return;
      default: wrong(fmt::format("{} contains", name(field_)));
    }
  }

  void end() override {
    if (depth_-- == 2 && !in_metadata_) finish_tensor();
  }

  void key(std::string text) override {
    if (depth_ == 1) {
      in_metadata_ = text == kMetadataKey;
      if (!in_metadata_) begin_tensor(std::move(text));
    } else if (in_metadata_) {
      metadata_key_ = std::move(text);
    } else {
      field_ = take_field(text);
    }
  }

  void scalar(wire::Json value) override {
    if (depth_ == 0) fail("the header is not a JSON object");
    if (depth_ == 1) fail(in_metadata_ ? "__metadata__ is not an object" : "a tensor's entry is not an object");
    if (in_metadata_) {
      if (!value.is_string()) fail(fmt::format("metadata '{}' is not a string", shortened(metadata_key_)));
      header_.metadata.emplace(std::move(metadata_key_), std::move(value.get_ref<std::string&>()));
    } else if (depth_ == 2) {
      set_dtype(value);
    } else if (field_ == Field::shape) {
      add_dimension(value);
    } else {
      add_offset(value);
    }
  }

 private:
  enum class Field : std::uint8_t { dtype, shape, offsets };

  static constexpr std::array<std::string_view, 3> kFieldNames{"dtype", "shape", "data_offsets"};
  static std::string_view name(Field field) { return kFieldNames[static_cast<std::size_t>(field)]; }

  Field take_field(std::string_view text) {
    const auto found = std::ranges::find(kFieldNames, text);
    if (found == kFieldNames.end()) fail(fmt::format("has an unknown field '{}'", shortened(text)));
    const auto index = static_cast<std::size_t>(found - kFieldNames.begin());
    seen_[index] = true;
    return static_cast<Field>(index);
  }

  [[noreturn]] void fail(std::string_view message, Errc code = Errc::corrupt) const {
    throw Error(code, message, {.file = {}, .offset = {}, .tensor = in_tensor_ ? entry_.name : ""});
  }

  void begin_tensor(std::string text) {
    if (const std::string_view problem = name_problem(text); !problem.empty()) {
      fail(fmt::format("the tensor name '{}' {}", shortened(text), problem), Errc::unsupported);
    }
    entry_ = {.name = std::move(text), .dtype = {}, .shape = {}, .begin = 0, .end = 0};
    in_tensor_ = true;
    seen_ = {};
    offsets_ = 0;
  }

  void finish_tensor() {
    if (const auto missing = std::ranges::find(seen_, false); missing != seen_.end()) {
      fail(fmt::format("has no {}", kFieldNames[static_cast<std::size_t>(missing - seen_.begin())]));
    }
    if (offsets_ != 2) fail(fmt::format("data_offsets has {} numbers instead of 2", offsets_));
    if (entry_.begin > entry_.end) fail(fmt::format("data_offsets [{}, {}] run backwards", entry_.begin, entry_.end));
    const std::uint64_t needed = tensor_size();
    if (needed != entry_.end - entry_.begin) {
      fail(fmt::format("{} of shape {} takes {} bytes, but data_offsets [{}, {}] hold {}",
                       transload::name(entry_.dtype), to_string(entry_.shape), needed, entry_.begin, entry_.end,
                       entry_.end - entry_.begin));
    }
    header_.tensors.push_back(std::move(entry_));
    in_tensor_ = false;
  }

  std::uint64_t tensor_size() const {
    try {
      return tensor_bytes(entry_.dtype, entry_.shape);
    } catch (Error& e) {
      e.in({.file = {}, .offset = {}, .tensor = entry_.name});
      throw;
    }
  }

  void set_dtype(const wire::Json& value) {
    if (field_ != Field::dtype) fail(fmt::format("{} is not a list", name(field_)));
    if (!value.is_string()) fail("dtype is not a string");
    const auto& text = value.get_ref<const std::string&>();
    const std::optional<DType> dtype = dtype_called(text);
    if (!dtype) fail(fmt::format("has the unknown dtype '{}'", shortened(text)), Errc::unsupported);
    entry_.dtype = *dtype;
  }

  std::uint64_t plain_integer(const wire::Json& value) const {
    if (!value.is_number_unsigned()) {
      fail(fmt::format("{} holds something other than plain non-negative integers", name(field_)));
    }
    return value.get<std::uint64_t>();
  }

  void add_dimension(const wire::Json& value) {
    const std::uint64_t size = plain_integer(value);
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      fail(fmt::format("dimension {} overflows 63 bits", size));
    }
    if (entry_.shape.size() == kMaxRank) fail(fmt::format("has more than {} dimensions", kMaxRank), Errc::unsupported);
    entry_.shape.push_back(static_cast<std::int64_t>(size));
  }

  void add_offset(const wire::Json& value) {
    const std::uint64_t offset = plain_integer(value);
    if (++offsets_ > 2) fail("data_offsets has more than 2 numbers");
    (offsets_ == 1 ? entry_.begin : entry_.end) = offset;
  }

  Header& header_;
  Entry entry_;
  std::string metadata_key_;
  Field field_ = Field::dtype;
  int depth_ = 0, offsets_ = 0;
  bool in_metadata_ = false, in_tensor_ = false;
  std::array<bool, 3> seen_{};  // of the fields of this tensor
};

// The tensors lie side by side, whatever their order in the text.
void check_coverage(const Header& header, const std::string& file, std::uint64_t data_size) {
  const auto fail = [&](std::string_view message, const Entry* at) {
    throw Error(Errc::corrupt, message, {.file = file, .offset = {}, .tensor = at == nullptr ? "" : at->name});
  };
  const auto cut_off = [&](std::string_view message, const Entry& at) {
    throw Error(Errc::corrupt, message, {.file = file, .offset = {}, .tensor = at.name}, kAgain);
  };
  std::vector<std::size_t> order(header.tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {},
                    [&](std::size_t i) { return std::pair(header.tensors[i].begin, header.tensors[i].end); });
  std::uint64_t end = 0;
  for (const std::size_t i : order) {
    const Entry& tensor = header.tensors[i];
    if (tensor.begin != end) {
      fail(fmt::format("begins at byte {} of the data, but the tensors before it end at {}: {}", tensor.begin, end,
                       tensor.begin < end ? "they overlap" : "there is a hole"),
           &tensor);
    }
    end = tensor.end;
    if (end > data_size) {
      cut_off(fmt::format("ends at byte {} of the data, but the file holds only {}: it is truncated", end, data_size),
              tensor);
    }
  }
  if (end != data_size) {
    fail(fmt::format("{} bytes follow the last tensor", data_size - end), nullptr);
  }
}

}  // namespace

std::string_view name_problem(std::string_view name) noexcept {
  if (name.size() > kMaxName) return "is longer than 4096 bytes";
  if (name.find('\0') != name.npos) return "contains a NUL";
  if (name == kMetadataKey) return "is reserved for metadata";
  if (!valid_utf8(name)) return "is not valid UTF-8";
  return {};
}

Header parse_header(std::string_view json, const std::string& file, std::uint64_t data_size) {
  if (!json.starts_with('{')) {
    throw Error(Errc::corrupt, "the header does not begin with '{'",
                {.file = file, .offset = kLengthBytes, .tensor = {}});
  }
  const std::string_view text = json.substr(0, json.find_last_not_of(' ') + 1);
  if (!text.ends_with('}')) {
    throw Error(Errc::corrupt, "the header does not end with '}' and blanks",
                {.file = file, .offset = kLengthBytes + text.size() - 1, .tensor = {}});
  }
  Header header;
  HeaderEvents events(header);
  wire::read_json(text, file, kLengthBytes, events);
  header.data = kLengthBytes + json.size();
  check_coverage(header, file, data_size);
  return header;
}

Header read_header(const Source& source) {
  const auto fail = [&](std::string_view message) {
    throw Error(Errc::corrupt, message, {.file = source.name(), .offset = 0, .tensor = {}});
  };
  if (source.size() < kLengthBytes) {
    fail(fmt::format("a file of {} bytes is too short for a safetensors header", source.size()));
  }
  std::vector<std::byte> length(kLengthBytes);
  source.read(0, length);
  const std::uint64_t size = wire::Cursor(Bytes(std::move(length)), source.name()).u64();
  const std::uint64_t left = source.size() - kLengthBytes;
  if (size > kMaxHeader) fail(fmt::format("claims a header of {} bytes; at most {} are allowed", size, kMaxHeader));
  if (size > left) {
    throw Error(Errc::corrupt,
                fmt::format("claims a header of {} bytes, but only {} follow: it is truncated", size, left),
                {.file = source.name(), .offset = 0, .tensor = {}}, kAgain);
  }
  std::string json(size, '\0');
  source.read(kLengthBytes, std::as_writable_bytes(std::span(json)));
  return parse_header(json, source.name(), left - size);
}

}  // namespace transload::safetensors
