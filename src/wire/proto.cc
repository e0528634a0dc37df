#include "wire/proto.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "transload/error.h"

namespace transload::wire {
namespace {

using protozero::pbf_wire_type;

std::string_view name(pbf_wire_type type) {
  switch (type) {
    case pbf_wire_type::varint: return "a varint";
    case pbf_wire_type::fixed64: return "64 bits";
    case pbf_wire_type::length_delimited: return "bytes";
    case pbf_wire_type::fixed32: return "32 bits";
    case pbf_wire_type::unknown: break;
  }
  return "of an unknown type";
}

}  // namespace

ProtoReader::ProtoReader(std::string_view message, std::string file, std::uint64_t offset)
    : reader_(message.data(), message.size()),
      begin_(message.data()),
      file_(std::move(file)),
      offset_(offset),
      field_offset_(offset) {}

std::uint64_t ProtoReader::position() const noexcept {
  return offset_ + static_cast<std::uint64_t>(reader_.data().data() - begin_);
}

void ProtoReader::fail(std::string_view message) const {
  throw Error(Errc::corrupt, message, {.file = file_, .offset = field_offset_, .tensor = {}});
}

template <class Read>
auto ProtoReader::guarded(Read read) {
  try {
    return read();
  } catch (const protozero::exception& e) {
    fail(fmt::format("not a valid protocol buffer message: {}", e.what()));
  }
}

bool ProtoReader::next() {
  field_offset_ = position();
  return guarded([&] { return reader_.next(); });
}

std::uint32_t ProtoReader::field() const { return reader_.tag(); }

void ProtoReader::expect(pbf_wire_type type) {
  if (reader_.wire_type() != type) {
    fail(fmt::format("field {} of this message is {} where {} is expected", field(), name(reader_.wire_type()),
                     name(type)));
  }
}

std::uint64_t ProtoReader::uint64() {
  expect(pbf_wire_type::varint);
  return guarded([&] { return reader_.get_uint64(); });
}

std::int64_t ProtoReader::int64() { return static_cast<std::int64_t>(uint64()); }

std::int32_t ProtoReader::int32() {
  const std::int64_t value = int64();
  if (!std::in_range<std::int32_t>(value)) {
    fail(fmt::format("field {} of this message holds {}, which is not a 32-bit number", field(), value));
  }
  return static_cast<std::int32_t>(value);
}

bool ProtoReader::boolean() { return uint64() != 0; }

std::uint32_t ProtoReader::fixed32() {
  expect(pbf_wire_type::fixed32);
  return guarded([&] { return reader_.get_fixed32(); });
}

std::string_view ProtoReader::bytes() {
  expect(pbf_wire_type::length_delimited);
  return guarded([&] {
    const protozero::data_view view = reader_.get_view();
    return std::string_view(view.data(), view.size());
  });
}

ProtoReader ProtoReader::message() {
  const std::string_view content = bytes();
  return ProtoReader(content, file_, offset_ + static_cast<std::uint64_t>(content.data() - begin_));
}

void ProtoReader::skip() {
  guarded([&] { reader_.skip(); });
}

ProtoWriter& ProtoWriter::varint(std::uint32_t field, std::uint64_t value) {
  append_varint(text_, std::uint64_t{field} << 3);
  append_varint(text_, value);
  return *this;
}

ProtoWriter& ProtoWriter::fixed32(std::uint32_t field, std::uint32_t value) {
  append_varint(text_, (std::uint64_t{field} << 3) | 5);
  append_u32(text_, value);
  return *this;
}

ProtoWriter& ProtoWriter::bytes(std::uint32_t field, std::string_view value) {
  append_varint(text_, (std::uint64_t{field} << 3) | 2);
  append_varint(text_, value.size());
  text_ += value;
  return *this;
}

}  // namespace transload::wire
