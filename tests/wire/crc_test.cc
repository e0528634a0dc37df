#include "wire/crc.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <string>

namespace transload::wire {
namespace {

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

// The definition, one bit at a time.
std::uint32_t slow_crc32c(std::string_view text) {
  std::uint32_t state = ~0U;
  for (const char byte : text) {
    state ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) ? 0x82F63B78U : 0);
  }
  return ~state;
}

TEST(Crc, KnownValuesOfCrc32) {
  EXPECT_EQ(crc32(0, {}), 0U);
  EXPECT_EQ(crc32(0, as_bytes("123456789")), 0xCBF43926U);  // the check value of every CRC catalogue
}

TEST(Crc, KnownValuesOfCrc32c) {  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(0, {}), 0U);
  EXPECT_EQ(crc32c(0, as_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(0, as_bytes(std::string(32, '\0'))), 0x8A9136AAU);
  EXPECT_EQ(crc32c(0, as_bytes(std::string(32, '\xff'))), 0x62A8AB43U);
  std::string rising(32, '\0');
  for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<char>(i);
  EXPECT_EQ(crc32c(0, as_bytes(rising)), 0x46DD794EU);
}

TEST(Crc, AgreesWithZlibAndTheDefinitionAtEveryLengthAndAlignment) {
  const std::string text = random_text(600, 1);
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t size = 0; start + size <= text.size(); size += 7) {
      const std::string_view part = std::string_view(text).substr(start, size);
      ASSERT_EQ(crc32(0, as_bytes(part)),
                ::crc32(0, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(size)));
      ASSERT_EQ(crc32c(0, as_bytes(part)), slow_crc32c(part));
    }
  }
}

TEST(Crc, ChainsAndCombines) {
  const std::string text = random_text(70000, 2);
  const ByteView all = as_bytes(text);
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{1}, std::size_t{31}, std::size_t{4096}, std::size_t{69999}, std::size_t{70000}}) {
    const ByteView a = all.first(cut), b = all.subspan(cut);
    EXPECT_EQ(crc32(crc32(0, a), b), crc32(0, all));
    EXPECT_EQ(crc32c(crc32c(0, a), b), crc32c(0, all));
    EXPECT_EQ(crc32_combine(crc32(0, a), crc32(0, b), b.size()), crc32(0, all));
    EXPECT_EQ(crc32c_combine(crc32c(0, a), crc32c(0, b), b.size()), crc32c(0, all));
  }
}

TEST(Crc, CombinesSizesBeyond32Bits) {
  // zlib's own combination, and a fold of two halves against the whole, for which no bytes are needed.
  const std::uint64_t size = (std::uint64_t{5} << 32) + 3;
  EXPECT_EQ(crc32_combine(0x12345678U, 0x9abcdef0U, size),
            static_cast<std::uint32_t>(::crc32_combine64(0x12345678U, 0x9abcdef0U, static_cast<z_off64_t>(size))));
  const std::uint32_t zeros = crc32c_combine(0x12345678U, 0, size);
  EXPECT_EQ(crc32c_combine(crc32c_combine(0x12345678U, 0, size / 2), 0, size - size / 2), zeros);
}

TEST(Crc, MasksAsLevelDbDoes) {
  EXPECT_EQ(mask_crc32c(0), 0xa282ead8U);  // the checksum of an empty tensor in a bundle: bytes d8 ea 82 a2
  const std::uint32_t crc = crc32c(0, as_bytes("foo"));
  EXPECT_NE(mask_crc32c(crc), crc);
  EXPECT_NE(mask_crc32c(mask_crc32c(crc)), crc);
  EXPECT_EQ(unmask_crc32c(mask_crc32c(crc)), crc);
  EXPECT_EQ(unmask_crc32c(unmask_crc32c(mask_crc32c(mask_crc32c(crc)))), crc);
}

}  // namespace
}  // namespace transload::wire
