#include "scan/window.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace transload::scanning {
namespace {

constexpr std::uint64_t kBuffer = std::uint64_t{32} << 10;

}  // namespace

Window::Window(const Source& source, std::uint64_t begin, std::uint64_t end)
    : source_(&source), at_(std::min(begin, source.size())), end_(std::max(at_, std::min(end, source.size()))) {}

bool Window::skip(std::uint64_t size) noexcept {
  if (size > left()) return false;
  at_ += size;
  return true;
}

bool Window::fill() {
  if (at_ >= buffer_at_ && at_ - buffer_at_ < buffer_.size()) return true;
  if (at_ >= end_) return false;
  buffer_.resize(std::min(kBuffer, end_ - at_));
  buffer_at_ = at_;
  source_->read(at_, buffer_);
  return true;
}

bool Window::byte(std::uint8_t& value) {
  if (!fill()) return false;
  value = static_cast<std::uint8_t>(buffer_[at_++ - buffer_at_]);
  return true;
}

bool Window::little(unsigned width, std::uint64_t& value) {
  if (width > left()) return false;
  value = 0;
  for (unsigned i = 0; i < width; ++i) {
    std::uint8_t next = 0;
    byte(next);
    value |= std::uint64_t{next} << (8 * i);
  }
  return true;
}

bool Window::line(std::string& text, std::uint64_t most) {
  text.clear();
  while (fill()) {
    const std::uint64_t from = at_ - buffer_at_;
    const std::string_view rest = as_text(std::span(buffer_).subspan(from));
    const std::size_t end = rest.find('\n');
    const std::string_view part = rest.substr(0, end);
    text.append(part.substr(0, most - std::min<std::uint64_t>(most, text.size())));
    at_ += part.size();
    if (end == rest.npos) continue;
    ++at_;
    return true;
  }
  return false;
}

std::string Window::peek(std::uint64_t offset, std::uint64_t size) const {
  if (offset >= source_->size()) return {};
  std::string text(std::min(size, source_->size() - offset), '\0');
  if (offset >= buffer_at_ && offset - buffer_at_ + text.size() <= buffer_.size()) {
    std::memcpy(text.data(), buffer_.data() + (offset - buffer_at_), text.size());
  } else if (!text.empty()) {
    source_->read(offset, std::as_writable_bytes(std::span(text)));
  }
  return text;
}

}  // namespace transload::scanning
