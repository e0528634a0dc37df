#include "wire/proto.h"

#include <gtest/gtest.h>

#include "transload/error.h"

namespace transload::wire {
namespace {

using std::string_view_literals::operator""sv;

ProtoReader first(std::string_view bytes) {
  ProtoReader reader(bytes, "f", 100);
  EXPECT_TRUE(reader.next());
  return reader;
}

std::uint64_t failing_offset(std::string_view bytes) {
  ProtoReader reader(bytes, "f", 100);
  try {
    while (reader.next()) reader.skip();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_EQ(error.where().file, "f");
    return error.where().offset.value();
  }
  return 0;
}

TEST(Proto, WritesAndReadsEveryKind) {
  ProtoWriter inner;
  inner.int64(1, -1);
  ProtoWriter writer;
  writer.varint(1, 300).fixed32(6, 0xa282ead8U).bytes(2, "text").message(19, inner);
  EXPECT_EQ(writer.text(),
            "\x08\xac\x02\x35\xd8\xea\x82\xa2\x12\x04text\x9a\x01\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv);
  ProtoReader reader(writer.text(), "f", 100);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.field(), 1U);
  EXPECT_EQ(reader.int32(), 300);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.fixed32(), 0xa282ead8U);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.offset(), 108U);
  EXPECT_EQ(reader.bytes(), "text");
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.field(), 19U);
  ProtoReader message = reader.message();
  ASSERT_TRUE(message.next());
  EXPECT_EQ(message.offset(), 117U);
  EXPECT_EQ(message.int64(), -1);
  EXPECT_FALSE(message.next());
  EXPECT_FALSE(reader.next());
}

TEST(Proto, BrokenMessagesNameTheFieldsOffset) {
  EXPECT_EQ(failing_offset("\x08\x01\x12\x05text"sv), 102U);                                      // cut short
  EXPECT_EQ(failing_offset("\x08\x01\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv), 102U);  // 11 bytes
  EXPECT_EQ(failing_offset("\x08\x01\x00\x01"sv), 102U);                                          // field 0
  EXPECT_EQ(failing_offset("\x08\x01\x0b\x0c"sv), 102U);                                          // a group
  EXPECT_EQ(failing_offset("\x08\x01\x0f\x01"sv), 102U);                                          // wire type 7
  EXPECT_EQ(failing_offset("\x08\x01\x35\x01"sv), 102U);  // 32 bits of which 8 are there
}

TEST(Proto, AnotherKindThanExpectedIsRefused) {
  EXPECT_THROW(first("\x0a\x01x"sv).uint64(), Error);
  EXPECT_THROW(first("\x08\x01"sv).bytes(), Error);
  EXPECT_THROW(first("\x08\x01"sv).fixed32(), Error);
  EXPECT_THROW(first("\x08\x01"sv).message(), Error);
}

TEST(Proto, AnInt32OfMoreThan32BitsIsRefused) {
  EXPECT_EQ(first("\x08\xff\xff\xff\xff\x07"sv).int32(), 2147483647);
  EXPECT_EQ(first("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv).int32(), -1);
  EXPECT_THROW(first("\x08\xff\xff\xff\xff\x0f"sv).int32(), Error);
}

}  // namespace
}  // namespace transload::wire
