// Protocol buffer messages (protobuf.dev/programming-guides/encoding), field by field, without their descriptions.
#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>

#include "wire/write.h"

namespace transload::wire {

// Goes through the fields of one message, which begins at byte `offset` of `file`. What breaks the encoding, a value
// of another kind than was asked for, and groups (which checkpoints do not use) are Errc::corrupt with the offset of
// the field. Reads nothing twice and goes to no depth of its own: a nested message is one more reader.
//
//   for (ProtoReader message(bytes, file, offset); message.next();) {
//     switch (message.field()) {
//       case 1: size = message.int64(); break;
//       default: message.skip();
//     }
//   }
class ProtoReader {
 public:
  ProtoReader(std::string_view message, std::string file, std::uint64_t offset);

  bool next();                  // to the next field; false at the end of the message
  std::uint32_t field() const;  // its number
  // Its value. One of these, or skip(), between two calls of next().
  std::uint64_t uint64();
  std::int64_t int64();
  std::int32_t int32();  // Errc::corrupt where the value has more than 32 bits, which protobuf would cut off
  bool boolean();
  std::uint32_t fixed32();
  std::string_view bytes();
  ProtoReader message();
  void skip();

  std::uint64_t offset() const noexcept { return field_offset_; }  // of the current field
  const std::string& file() const noexcept { return file_; }
  [[noreturn]] void fail(std::string_view message) const;

 private:
  template <class Read>
  auto guarded(Read read);
  void expect(protozero::pbf_wire_type type);
  std::uint64_t position() const noexcept;

  protozero::pbf_reader reader_;
  const char* begin_;
  std::string file_;
  std::uint64_t offset_, field_offset_;
};

// Appends fields to a message in the order of the calls; a deterministic serialisation is one whose caller goes by
// field numbers. Zero values are written: leaving them out, as proto3 does, is up to the caller.
class ProtoWriter {
 public:
  ProtoWriter& varint(std::uint32_t field, std::uint64_t value);
  ProtoWriter& int64(std::uint32_t field, std::int64_t value) {  // negative ones take ten bytes
    return varint(field, static_cast<std::uint64_t>(value));
  }
  ProtoWriter& fixed32(std::uint32_t field, std::uint32_t value);
  ProtoWriter& bytes(std::uint32_t field, std::string_view value);
  ProtoWriter& message(std::uint32_t field, const ProtoWriter& value) { return bytes(field, value.text_); }

  const std::string& text() const noexcept { return text_; }
  std::string take() && noexcept { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace transload::wire
