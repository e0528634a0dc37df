#include "formats/torch/torch.h"

#include <fmt/format.h>

#include <algorithm>

#include "formats/torch/layout.h"
#include "formats/torch/magic.h"
#include "formats/torch/readers.h"
#include "transload/error.h"

namespace transload::torch {

namespace {

// Of a zip archive whose first bytes these are.
std::string_view first_name(std::string_view text) {
  if (text.size() < 30) return {};
  const auto low = static_cast<unsigned char>(text[26]), high = static_cast<unsigned char>(text[27]);
  return text.substr(30, low + std::size_t{high} * 256);
}

// "TOP/data/0".
bool is_storage(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos || !name.substr(0, slash).ends_with("/data")) return false;
  const std::string_view number = name.substr(slash + 1);
  return !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Content content_of(ByteView head) noexcept {
  const std::string_view text = as_text(head);
  if (text.empty()) return Content::empty;
  if (text.starts_with("PK\x03\x04")) {
    // The name of the first entry follows a header of 30 bytes. TorchScript writes the storages first.
    const std::string_view name = text.size() > 30 ? text.substr(30, 300) : std::string_view();
    const bool known = name.find("/data.pkl") != std::string_view::npos || is_storage(first_name(text));
    return known ? Content::torch_zip : Content::zip;
  }
  if (text.starts_with("PK\x05\x06")) return Content::zip;
  if (text.starts_with(kMagicLine)) return Content::legacy;
  if (text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) {
    // PROTO, in protocol 4 a FRAME, then LONG1 with the magic number.
    return text.substr(0, 32).find(kMagicNumber) != std::string_view::npos ? Content::legacy : Content::pickle;
  }
  if (text.size() >= 263 && text.substr(257, 5) == "ustar") return Content::tar;
  if (text.starts_with("version https://git-lfs")) return Content::lfs_pointer;
  return Content::unknown;
}

namespace {

int sniff(std::string_view, ByteView head) {
  switch (content_of(head)) {
    case Content::torch_zip:
    case Content::legacy: return 100;
    case Content::zip: return 30;
    case Content::pickle:
    case Content::tar: return 20;
    default: return 0;
  }
}

[[noreturn]] void refuse(const Source& source, std::string_view message, std::string_view advice,
                         Errc code = Errc::unsupported) {
  throw Error(code, message, {.file = source.name(), .offset = {}, .tensor = {}}, advice);
}

std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options) {
  const std::shared_ptr<Source> source = store->open(name);
  std::vector<std::byte> head(std::min<std::uint64_t>(source->size(), kHeadBytes));
  if (!head.empty()) source->read(0, head);
  try {
    switch (content_of(head)) {
      case Content::torch_zip:
      case Content::zip: return open_zip(source, options);
      case Content::legacy: return open_legacy(source, options);
      case Content::tar: return open_tar(source, options);
      case Content::pickle:
        refuse(
            *source, "a bare pickle, not a file of torch.save (it lacks the magic number)",
            "weights of a PyTorch model are saved with torch.save(model.state_dict(), path); models of other libraries "
            "(scikit-learn, joblib) are not read, only transload scan looks into them");
      case Content::lfs_pointer:
        refuse(*source, "a git-lfs pointer: the weights themselves were not downloaded", "run: git lfs pull");
      case Content::empty: refuse(*source, "the file is empty", "get the file again", Errc::corrupt);
      case Content::unknown: break;
    }
    refuse(*source, "not a PyTorch checkpoint: neither a zip archive nor PyTorch's older stream",
           "check that this is the weights file, and that it was downloaded whole");
  } catch (Error& error) {
    error.in({.file = source->name(), .offset = {}, .tensor = {}});
    throw;
  }
}

}  // namespace

const Format& torch_format() {
  static const Format kFormat{.name = "torch",
                              .title = "PyTorch (zip, legacy, tar)",
                              .keeps_ties = true,
                              .sniff = sniff,
                              .open = open,
                              .layout = layout,
                              .finish = finish};
  return kFormat;
}

}  // namespace transload::torch
