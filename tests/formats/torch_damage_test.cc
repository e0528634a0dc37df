// Damaged PyTorch files: cut anywhere, changed anywhere.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "support/torch_files.h"

namespace transload {
namespace {

namespace fs = std::filesystem;
using test::digests;
using test::open_torch;

const fs::path kGolden = fs::path(TRANSLOAD_TESTS_DIR) / "golden" / "pytorch";

using Digests = std::vector<std::pair<std::string, std::string>>;

// What is read, or nothing when it is refused with an Error. Anything else is a failure of the test.
std::optional<Digests> read(const std::string& bytes) {
  try {
    return digests(*open_torch(bytes));
  } catch (const Error&) {
    return std::nullopt;
  }
}

TEST(TorchDamage, EveryTruncationIsRefused) {
  for (const char* file : {"tied/zip.bin", "tied/legacy.bin", "zip_variants/deflated.bin"}) {
    const std::string whole = test::bytes_of_file(kGolden / file);
    ASSERT_TRUE(read(whole)) << file;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(read(whole.substr(0, size))) << file << " cut to " << size;
    }
  }
}

TEST(TorchDamage, AChangedByteOfAZipIsNoticedOrChangesNothing) {
  for (const char* file : {"single_tensor/zip.bin", "zip_variants/deflated.bin", "zip_variants/byteorder_big.bin"}) {
    const std::string whole = test::bytes_of_file(kGolden / file);
    const auto expected = read(whole);
    ASSERT_TRUE(expected) << file;
    std::size_t refused = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int change : {0x01, 0x20, 0x80, 0xFF}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ change);
        const auto found = read(damaged);
        refused += found ? 0 : 1;
        EXPECT_TRUE(!found || *found == *expected) << file << " byte " << at << " changed by " << change;
      }
    }
    EXPECT_GT(refused, whole.size()) << file;
  }
}

// The older stream carries no checksums: a changed byte may go unnoticed, but it does no harm.
TEST(TorchDamage, AChangedByteOfALegacyStreamDoesNoHarm) {
  const std::string whole = test::bytes_of_file(kGolden / "tied/legacy.bin");
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {0x01, 0x20, 0x80, 0xFF}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      refused += read(damaged) ? 0 : 1;
    }
  }
  EXPECT_GT(refused, whole.size());
}

TEST(TorchDamage, BytesAfterTheEndAreRefused) {
  for (const char* file : {"single_tensor/zip.bin", "single_tensor/legacy.bin"}) {
    EXPECT_FALSE(read(test::bytes_of_file(kGolden / file) + std::string(1, '\0'))) << file;
  }
}

}  // namespace
}  // namespace transload
