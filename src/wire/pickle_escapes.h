// How protocols 0 and 1 write text in lines, decoded.
// Source: CPython's Lib/pickle.py (load_string, load_unicode) and its codecs string-escape and raw-unicode-escape.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace transload::wire {

// Inside of STRING's quotes, as Python 2's repr() writes bytes: \\ \' \" \a \b \f \n \r \t \v, up to three octal
// digits, \x with two others; a backslash before anything else stands for itself. Nothing: a \x without its digits, or
// a backslash at the end.
std::optional<std::string> decode_string_escapes(std::string_view text);

// UNICODE's line: \u with four digits and \U with eight; every other byte is a character of Latin-1. The result is
// UTF-8; lone halves of surrogate pairs become three bytes, which no UTF-8 has. Nothing: digits are missing, or the
// character is beyond 0x10FFFF.
std::optional<std::string> decode_raw_unicode(std::string_view text);

}  // namespace transload::wire
