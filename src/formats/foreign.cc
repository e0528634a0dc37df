#include "formats/foreign.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/text.h"

namespace transload {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  Foreign kind;
};

constexpr std::array kMagics{
    Magic{"\x89HDF\r\n\x1a\n"sv,
          {"is an HDF5 file (Keras)", "name the checkpoint in one of the formats listed in the README"}},
    Magic{"GGUF"sv, {"is a GGUF file", "name the checkpoint that it was made from"}},
    Magic{"\x1f\x8b"sv, {"is compressed with gzip", "unpack it first"}},
    Magic{"\x28\xb5\x2f\xfd"sv, {"is compressed with zstd", "unpack it first"}},
    Magic{"BZh"sv, {"is compressed with bzip2", "unpack it first"}},
    Magic{"\xfd"
          "7zXZ"sv,
          {"is compressed with xz", "unpack it first"}},
    Magic{"7z\xbc\xaf\x27\x1c"sv, {"is a 7z archive", "unpack it first"}},
    Magic{"Rar!\x1a\x07"sv, {"is a rar archive", "unpack it first"}},
    Magic{"PK\x03\x04"sv,
          {"is a zip archive without a checkpoint of PyTorch or arrays of NumPy in it", "unpack it first"}},
    Magic{"\x7f"
          "ELF"sv,
          {"is a program", ""}},
};

// Printable, as far as it goes; a character cut at the end of `head` does not count against it.
bool is_text(std::string_view head) {
  const auto control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f') || c == 0x7F;
  };
  if (std::ranges::any_of(head, control)) return false;
  for (std::size_t cut = 0; cut < 4 && cut <= head.size(); ++cut) {
    if (valid_utf8(head.substr(0, head.size() - cut))) return true;
  }
  return false;
}

bool begins_like_html(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  constexpr std::array kStarts{"<!doctype html"sv, "<html"sv, "<head"sv, "<?xml"sv};
  const auto matches = [&](std::string_view start) {
    return text.size() >= start.size() && std::ranges::equal(start, text.substr(0, start.size()), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
  };
  return std::ranges::any_of(kStarts, matches);
}

}  // namespace

bool is_lfs_pointer(ByteView head) { return as_text(head).starts_with("version https://git-lfs.github.com/spec/"); }

std::optional<Foreign> foreign_kind(ByteView head) {
  const std::string_view text = as_text(head);
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes)) return magic.kind;
  }
  if (!is_text(text)) return std::nullopt;
  if (begins_like_html(text)) {
    return Foreign{"is a web page, not weights", "download the file itself: a page was saved in its place"};
  }
  if (text.starts_with('{')) return Foreign{"is a JSON text, not weights", "name the weights file or its folder"};
  return Foreign{"is a text file, not weights", "name the weights file or its folder"};
}

}  // namespace transload
