#include "scan/content.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <span>

#include "formats/foreign.h"
#include "scan/tar_header.h"

namespace transload::scanning {
namespace {

constexpr int kByContent = 50;  // a format that is this sure saw it in the bytes, not in the name

// A header block of tar: it says so, or its own checksum holds, however that is written.
bool is_tar(std::string_view head) {
  if (head.size() < kTarBlock) return false;
  return head.substr(257, 5) == "ustar" || tar_sum(head.substr(0, kTarBlock)).right;
}

// The older container of lzma, which joblib and Python's lzma read: properties, the size of the dictionary, the size of
// the content or all ones, the first byte of the stream (LZMA SDK, lzma.txt; liblzma's check of the same).
bool is_lzma_alone(std::string_view text) {
  if (text.size() < 14 || !text.starts_with('\x5d') || text[13] != '\0') return false;
  std::uint64_t dictionary = 0, size = 0;
  for (std::size_t i = 4; i > 0; --i) dictionary = dictionary << 8 | static_cast<unsigned char>(text[i]);
  for (std::size_t i = 12; i > 4; --i) size = size << 8 | static_cast<unsigned char>(text[i]);
  const bool sound = dictionary >= 4096 && std::popcount(dictionary) <= 2;
  return sound && (size == ~std::uint64_t{0} || size >> 38 == 0);
}

// By what Python opens with a module or joblib: bz2, xz, lzma, and zstd and lz4, also with skippable frames in front.
// And the archives that people unpack by hand, 7z and rar.
bool is_packed(std::string_view text) {
  using namespace std::string_view_literals;
  constexpr std::array kMagics{"\xfd\x37zXZ\0"sv,    "\x28\xb5\x2f\xfd"sv,   "\x04\x22\x4d\x18"sv,
                               "\x02\x21\x4c\x18"sv, "7z\xbc\xaf\x27\x1c"sv, "Rar!\x1a\x07"sv};
  const bool is_bz2 = text.size() > 9 && text.starts_with("BZh") &&
                      (text.substr(4, 6) == "1AY&SY" || text.substr(4, 6) == "\x17\x72\x45\x38\x50\x90");
  const bool is_skippable = text.size() > 3 && (text[0] & 0xf0) == 0x50 && text.substr(1, 3) == "\x2a\x4d\x18";
  return is_bz2 || is_skippable || is_lzma_alone(text) ||
         std::ranges::any_of(kMagics, [&](std::string_view magic) { return text.starts_with(magic); });
}

bool ends_with_any(std::string_view name, std::span<const std::string_view> endings) {
  std::string low(name);
  std::ranges::transform(low, low.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::any_of(endings, [&](std::string_view ending) { return low.ends_with(ending); });
}

}  // namespace

std::string head_of(const Source& source, std::uint64_t size) {
  std::string head(std::min(source.size(), size), '\0');
  if (!head.empty()) source.read(0, std::as_writable_bytes(std::span(head)));
  return head;
}

Content content_of(std::string_view name, ByteView head) {
  Content content;
  const std::string_view text = as_text(head);
  content.pickle = text.size() > 1 && text[0] == '\x80' && text[1] >= 0 && text[1] <= 5;
  content.zip = text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06");
  content.tar = is_tar(text);
  content.npy = text.starts_with("\x93NUMPY");
  content.gzip = text.starts_with("\x1f\x8b\x08");
  // CMF and FLG of RFC 1950, window of 32 KiB, as joblib and zlib.compress() write them.
  content.zlib = text.size() > 2 && text[0] == '\x78' &&
                 (text[1] == '\x01' || text[1] == '\x5e' || text[1] == '\x9c' || text[1] == '\xda');
  int best = kByContent - 1;
  for (const Format& format : formats()) {
    const int sure = format.sniff(name, head);
    if (sure > best) {
      best = sure;
      content.format = &format;
    }
  }
  if (content.format == nullptr && !head.empty()) {
    // Texts, programs and web pages are no weights; another name for what is compressed is found below.
    const auto foreign = foreign_kind(head);
    if (foreign) content.foreign = foreign->what;
    content.weights = text.starts_with("\x89HDF") || text.starts_with("GGUF");
    content.packed = is_packed(text);
  }
  return content;
}

bool ends_like_a_table(const Source& source) {
  constexpr std::string_view kFooterMagic{"\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8};
  if (source.size() < kFooterMagic.size()) return false;
  std::string end(kFooterMagic.size(), '\0');
  source.read(source.size() - end.size(), std::as_writable_bytes(std::span(end)));
  return end == kFooterMagic;
}

bool promises_weights(std::string_view name) {
  constexpr std::array<std::string_view, 16> kEndings{
      ".pt",     ".pth",    ".bin",  ".safetensors", ".params", ".npz", ".npy", ".pkl",
      ".pickle", ".joblib", ".ckpt", ".h5",          ".hdf5",   ".tar", ".th",  ".gguf",
  };
  return ends_with_any(name, kEndings);
}

bool promises_pickle(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings{".pkl", ".pickle", ".p", ".joblib"};
  return ends_with_any(name, kEndings);
}

}  // namespace transload::scanning
