#include "transload/error.h"

#include <fmt/format.h>

#include <iterator>

#include "core/text.h"

namespace transload {

std::string_view name(Errc code) noexcept {
  switch (code) {
    case Errc::io: return "io";
    case Errc::corrupt: return "corrupt";
    case Errc::unsupported: return "unsupported";
    case Errc::unmapped: return "unmapped";
    case Errc::mismatch: return "mismatch";
    case Errc::usage: return "usage";
  }
  return "unknown";
}

Error::Error(Errc code, std::string_view message, Where where, std::string_view advice)
    : std::runtime_error(""), code_(code), where_(std::move(where)), message_(message), advice_(advice) {
  compose();
}

Error& Error::in(const Where& where) {
  if (where_.file.empty()) where_.file = where.file;
  if (!where_.offset) where_.offset = where.offset;
  if (where_.tensor.empty()) where_.tensor = where.tensor;
  compose();
  return *this;
}

Error& Error::advise(std::string_view advice) {
  if (advice_.empty()) advice_ = advice;
  return *this;
}

Error& Error::leaves(std::string_view destination) {
  if (destination_.empty()) destination_ = destination;
  return *this;
}

Error& Error::add(std::vector<std::string> details) {
  details_.insert(details_.end(), std::move_iterator(details.begin()), std::move_iterator(details.end()));
  return *this;
}

void Error::compose() {
  text_.clear();
  if (!where_.file.empty()) text_ += shortened(where_.file, 400);
  if (where_.offset) text_ += fmt::format("{}@0x{:x}", text_.empty() ? "" : " ", *where_.offset);
  if (!where_.tensor.empty())
    text_ += fmt::format("{}tensor '{}'", text_.empty() ? "" : ", ", shortened(where_.tensor));
  if (!text_.empty()) text_ += ": ";
  text_ += message_;
}

}  // namespace transload
