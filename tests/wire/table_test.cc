#include "wire/table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "support/bundle_fixtures.h"
#include "support/leveldb_table.h"
#include "transload/error.h"
#include "wire/crc.h"
#include "wire/table_builder.h"
#include "wire/write.h"

namespace transload::wire {
namespace {

using testing::contents, testing::golden, testing::source;
using Entries = std::map<std::string, std::string>;

Entries read(std::string_view bytes) {
  Entries entries;
  Table(source("t.index", bytes)).for_each([&](const TableEntry& entry) {
    EXPECT_EQ(bytes.substr(entry.value_offset, entry.value.size()), entry.value);
    EXPECT_TRUE(entries.empty() || entries.rbegin()->first < entry.key);
    entries.emplace(entry.key, entry.value);
  });
  return entries;
}

std::string build(const Entries& entries, TableOptions options = {}) {
  TableBuilder builder(options);
  for (const auto& [key, value] : entries) builder.add(key, value);
  return builder.finish();
}

// Keys that are alike, with bytes at both ends of their range, of all lengths.
Entries random_entries(std::size_t count, std::mt19937& random) {
  static constexpr std::string_view kBytes("ab/_\x00\xff\xfe\x7f", 8);
  Entries entries;
  while (entries.size() < count) {
    std::string key(random() % 20, 'a'), value(random() % 60, '\0');
    for (char& byte : key) byte = kBytes[random() % kBytes.size()];
    for (char& byte : value) byte = static_cast<char>(random());
    entries.emplace(std::move(key), std::move(value));
  }
  return entries;
}

TEST(Table, IsByteForByteLevelDbsOwn) {
  std::mt19937 random(7);
  testing::LevelDbTable leveldb;
  for (const std::uint64_t block_size : {1U, 60U, 300U, 4096U, 262144U}) {
    for (const std::uint32_t interval : {1U, 4U, 16U}) {
      for (const std::size_t count : {0U, 1U, 2U, 17U, 1000U}) {
        const TableOptions options{block_size, interval};
        const Entries entries = random_entries(count, random);
        const std::string bytes = build(entries, options);
        ASSERT_EQ(bytes, leveldb.build(entries, block_size, static_cast<int>(interval)))
            << block_size << ' ' << interval << ' ' << count;
        ASSERT_EQ(read(bytes), entries);
        ASSERT_EQ(leveldb.read(bytes), entries);
      }
    }
  }
}

TEST(Table, RebuildsTheIndexesOfTensorFlow) {
  for (const std::string_view path :
       {"v2_dtypes/model.ckpt.index", "google_pretraining_adam/model.ckpt-1234.index", "tf2_object/ckpt-1.index",
        "v2_partitioned/model.ckpt.index", "tiny/expected_tf/tiny.ckpt.index"}) {
    const std::string bytes = contents(golden("tensorflow") / path);
    EXPECT_EQ(build(read(bytes)), bytes) << path;
  }
}

TEST(Table, RebuildsAnIndexOfManyBlocks) {
  const std::string bytes = contents(golden("tensorflow/multiblock_bs300_ri4/model.ckpt-1234.index"));
  EXPECT_EQ(build(read(bytes), {300, 4}), bytes);
}

TEST(Table, KeysOutOfOrderAreRefusedByTheBuilder) {
  TableBuilder builder;
  builder.add("b", "");
  EXPECT_THROW(builder.add("b", ""), Error);
  EXPECT_THROW(builder.add("a", ""), Error);
}

TEST(Table, EveryTruncationIsRefused) {
  const std::string bytes = contents(golden("tensorflow/multiblock_bs300_ri4/model.ckpt-1234.index"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_THROW(read(std::string_view(bytes).substr(0, size)), Error) << size;
  }
}

// One flip only makes the footer's last varint one byte longer than it needs to be, with the same value.
TEST(Table, NoFlippedBitChangesWhatIsRead) {
  const std::string bytes = contents(golden("tensorflow/v2_partitioned/model.ckpt.index"));
  const Entries entries = read(bytes);
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string broken = bytes;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
    try {
      ASSERT_EQ(read(broken), entries) << bit;
      ++accepted;
    } catch (const Error&) {
    }
  }
  EXPECT_EQ(accepted, 1U);
}

// A table of one data block with these bytes, and checksums that match.
std::string around(const std::string& block, const std::string& separator = "z") {
  std::string out;
  const auto add = [&](const std::string& bytes) {
    std::string handle;
    append_varint(handle, out.size());
    append_varint(handle, bytes.size());
    const std::string typed = bytes + '\0';
    out += typed;
    append_u32(out, mask_crc32c(crc32c(0, as_bytes(typed))));
    return handle;
  };
  const auto finished = [](std::string entries) { return entries + std::string("\0\0\0\0\1\0\0\0", 8); };
  const std::string data = add(block), meta = add(finished(""));
  std::string entry;
  append_varint(entry, 0);
  append_varint(entry, separator.size());
  append_varint(entry, data.size());
  std::string footer = meta + add(finished(entry + separator + data));
  footer.resize(40);
  append_u64(footer, kTableMagic);
  return out + footer;
}

std::string block(std::string_view entries, std::initializer_list<std::uint32_t> restarts) {
  std::string out(entries);
  for (const std::uint32_t restart : restarts) append_u32(out, restart);
  append_u32(out, static_cast<std::uint32_t>(restarts.size()));
  return out;
}

std::string problem(const std::string& bytes) {
  try {
    read(bytes);
  } catch (const Error& error) {
    EXPECT_TRUE(error.where().offset) << error.what();
    return error.what();
  }
  return "none";
}

TEST(Table, NamesWhatIsWrongInABlock) {
  using std::string_view_literals::operator""sv;
  const std::string_view two = "\0\1\1aA\0\1\1bB"sv;  // a: A, b: B
  EXPECT_EQ(read(around(block(two, {0}))), (Entries{{"a", "A"}, {"b", "B"}}));
  EXPECT_EQ(read(around(block(two, {0, 5}))).size(), 2U);
  const auto expect = [](std::string_view part, std::string_view entries, std::initializer_list<std::uint32_t> points) {
    const std::string what = problem(around(block(entries, points)));
    EXPECT_NE(what.find(part), std::string::npos) << what;
  };
  expect("without a restart point", two, {});
  expect("not where an entry begins", two, {1});
  expect("not where an entry begins", two, {0, 4});
  expect("not where an entry begins", two, {0, 0});
  expect("past the end", two, {0, 10});
  expect("empty table block with restart points", "", {0, 0});
  expect("does not come after", "\0\1\1bB\0\1\1aA"sv, {0});
  expect("does not come after", "\0\1\1aA\0\1\1aA"sv, {0});
  expect("does not come after", "\0\1\1aA\1\0\1B"sv, {0});  // the same key by sharing all of it
  expect("shares", "\0\1\1aA\2\1\1bB"sv, {0});
  expect("shares", "\0\1\1aA\1\1\1bB"sv, {0, 5});  // a restart point
  expect("are left",
         "\0\1\x7f"
         "aA"sv,
         {0});
  expect("separator", "\0\1\1~A"sv, {0});
  EXPECT_NE(problem(around("abc")).find("too short"), std::string::npos);
  EXPECT_NE(problem(around(block(two, {0}) + "\xff\xff\xff\x0f")).find("restart points"), std::string::npos);
}

// A few bytes each that share a long key: thousands of times the file's size in memory, if they were believed.
TEST(Table, KeysThatShareTooMuchAreRefused) {
  std::string entries("\0", 1);
  append_varint(entries, 1000000);
  entries += '\0' + std::string(1000000, 'a');
  for (int i = 0; i < 1000; ++i) {
    append_varint(entries, static_cast<std::uint64_t>(1000000 + i));
    entries += std::string("\1\0a", 3);
  }
  EXPECT_NE(problem(around(block(entries, {0}))).find("fill the memory"), std::string::npos);
}

TEST(Table, ALyingHandleIsRefusedBeforeItIsFollowed) {
  const std::string good = around(block(std::string_view("\0\1\1aA", 5), {0}));
  for (const std::uint64_t lie : {std::uint64_t{1} << 62, ~std::uint64_t{0}, std::uint64_t{1000}}) {
    std::string footer;
    for (int i = 0; i < 4; ++i) append_varint(footer, lie);
    footer.resize(40);
    append_u64(footer, kTableMagic);
    EXPECT_NE(problem(good.substr(0, good.size() - 48) + footer), "none");
  }
}

TEST(Table, SnappyIsUnsupportedAndSaysSo) {
  try {
    read(contents(golden("tensorflow/snappy_v2_partitioned/model.ckpt.index")));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("snappy"), std::string::npos);
    EXPECT_FALSE(error.advice().empty());
  }
}

}  // namespace
}  // namespace transload::wire
