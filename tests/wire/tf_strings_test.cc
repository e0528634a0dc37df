#include "wire/tf_strings.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/bundle_fixtures.h"
#include "transload/error.h"
#include "wire/crc.h"
#include "wire/write.h"

namespace transload::wire {
namespace {

using testing::contents, testing::golden, testing::hostile, testing::source;

// The bytes of str/1d in v2_dtypes as TensorFlow wrote them would do; a synthetic one is easier to break.
struct Stored {
  std::string bytes;
  std::uint32_t crc = 0;
};

Stored encode(const std::vector<std::string>& elements) {
  std::string lengths, fixed, text;
  for (const std::string& element : elements) {
    append_varint(lengths, element.size());
    append_u32(fixed, static_cast<std::uint32_t>(element.size()));
    text += element;
  }
  std::string checksum;
  append_u32(checksum, mask_crc32c(crc32c(0, as_bytes(fixed))));
  return {lengths + checksum + text, crc32c(0, as_bytes(fixed + checksum + text))};
}

std::string decode(const Stored& stored, std::uint64_t elements) {
  const auto file = source("f.data", stored.bytes);
  const std::uint64_t size = tf_strings_size(*file, 0, stored.bytes.size(), elements);
  return std::string(decode_tf_strings(as_bytes(stored.bytes), size, stored.crc, false, "f.data", 0).text());
}

TEST(TfStrings, DecodesToLengthsAndBytes) {
  using std::string_literals::operator""s;
  EXPECT_EQ(decode(encode({"ab", "", "c"}), 3), "\2\0\0\0\0\0\0\0ab\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0c"s);
  EXPECT_EQ(decode(encode({}), 0), "");
  EXPECT_EQ(encode({}).bytes, "\xd8\xea\x82\xa2");  // as measured: an empty string tensor has four bytes
  const std::string large(300000, 'x');
  EXPECT_EQ(decode(encode({large}), 1).substr(8), large);
}

TEST(TfStrings, ManyLengthsGoThroughTheWindow) {
  std::vector<std::string> elements;
  for (int i = 0; i < 100000; ++i) elements.emplace_back(static_cast<std::size_t>(i % 200), 'x');
  const Stored stored = encode(elements);
  std::string expected;
  for (const std::string& element : elements) {
    append_u64(expected, element.size());
    expected += element;
  }
  EXPECT_EQ(decode(stored, elements.size()), expected);
}

TEST(TfStrings, AnotherNumberOfElementsIsRefused) {
  const Stored stored = encode({"ab", "", "c"});
  for (const std::uint64_t elements : {0ULL, 1ULL, 2ULL, 4ULL, 5ULL, 100ULL, 1ULL << 62}) {
    EXPECT_THROW(decode(stored, elements), Error) << elements;
  }
}

TEST(TfStrings, EveryFlippedBitIsRefused) {
  const Stored stored = encode({"ab", "", "c", "defg"});
  for (std::size_t bit = 0; bit < 8 * stored.bytes.size(); ++bit) {
    Stored broken = stored;
    broken.bytes[bit / 8] = static_cast<char>(broken.bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THROW(decode(broken, 4), Error) << bit;
  }
}

TEST(TfStrings, TheEntrysChecksumIsVerified) {
  Stored stored = encode({"ab"});
  ++stored.crc;
  EXPECT_THROW(decode(stored, 1), Error);
}

TEST(TfStrings, EveryTruncationIsRefused) {
  const Stored stored = encode({"ab", "", "c", "defg"});
  for (std::size_t size = 0; size < stored.bytes.size(); ++size) {
    EXPECT_THROW(decode({stored.bytes.substr(0, size), stored.crc}, 4), Error) << size;
  }
}

TEST(TfStrings, ADecodedSizeThatIsNotTheirsIsRefused) {
  const Stored stored = encode({"ab", "c"});
  for (const std::uint64_t size : {0U, 1U, 8U, 10U, 18U, 20U, 1000U}) {
    EXPECT_THROW(decode_tf_strings(as_bytes(stored.bytes), size, stored.crc, false, "f", 0), Error) << size;
  }
}

}  // namespace
}  // namespace transload::wire
