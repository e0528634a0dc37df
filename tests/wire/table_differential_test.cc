// Tables against the real LevelDB: those it wrote, those we wrote, and those that somebody damaged.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <optional>
#include <random>

#include "support/bundle_fixtures.h"
#include "support/leveldb_table.h"
#include "transload/error.h"
#include "wire/crc.h"
#include "wire/cursor.h"
#include "wire/table.h"
#include "wire/table_builder.h"
#include "wire/write.h"

namespace transload::wire {
namespace {

using testing::source;
using Entries = testing::LevelDbTable::Entries;

std::size_t up_to(std::size_t most, std::mt19937& random) { return random() % (most + 1); }

template <std::size_t size>
std::size_t one_of(const std::array<std::size_t, size>& choices, std::mt19937& random) {
  return choices[random() % size];
}

// Names as checkpoints have them, which share long beginnings, and bytes of any kind, empty and long ones.
std::string random_key(std::mt19937& random) {
  static constexpr std::string_view kBytes("ab/_\x00\xff\xfe\x7f", 8);
  std::string key;
  switch (random() % 4) {
    case 0:
      key = "bert/encoder/layer_" + std::to_string(random() % 24) + "/attention/" + std::to_string(random() % 9);
      break;
    case 1:
      key.resize(up_to(20, random));
      for (char& byte : key) byte = kBytes[random() % kBytes.size()];
      break;
    case 2:
      key.resize(up_to(6, random));
      for (char& byte : key) byte = static_cast<char>(random());
      break;
    default: key = std::string(up_to(one_of<3>({3, 40, 700}, random), random), '\xff') + std::to_string(random() % 50);
  }
  return key;
}

Entries random_entries(std::mt19937& random) {
  Entries entries;
  const std::size_t count = up_to(one_of<4>({2, 20, 80, 400}, random), random);
  const std::size_t longest = one_of<4>({0, 30, 200, 9000}, random);
  for (std::size_t i = 0; i < count; ++i) {
    std::string value(up_to(longest, random), '\0');
    for (char& byte : value) byte = static_cast<char>(random());
    entries.emplace(random_key(random), std::move(value));
  }
  return entries;
}

TableOptions random_options(std::mt19937& random) {
  return {.block_size = one_of<7>({1, 50, 300, 1024, 4096, 65536, 262144}, random),
          .restart_interval = static_cast<std::uint32_t>(one_of<6>({1, 2, 3, 16, 16, 64}, random))};
}

Entries read(std::string_view bytes) {
  Entries entries;
  Table(source("t.index", bytes)).for_each([&](const TableEntry& entry) { entries.emplace(entry.key, entry.value); });
  return entries;
}

std::optional<Entries> read_if_sound(std::string_view bytes) {
  try {
    return read(bytes);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string build(const Entries& entries, TableOptions options) {
  TableBuilder builder(options);
  for (const auto& [key, value] : entries) builder.add(key, value);
  return builder.finish();
}

TEST(TableDifferential, TwoThousandTablesBothWays) {
  std::mt19937 random(20260101);
  testing::LevelDbTable leveldb;
  std::size_t entry_count = 0;
  for (int i = 0; i < 2000; ++i) {
    const Entries entries = random_entries(random);
    const TableOptions options = random_options(random);
    const std::string theirs = leveldb.build(entries, options.block_size, static_cast<int>(options.restart_interval));
    ASSERT_EQ(build(entries, options), theirs) << "table " << i;
    ASSERT_EQ(leveldb.read(theirs), entries) << "table " << i;
    entry_count += entries.size();
    ASSERT_EQ(read(theirs), entries) << "table " << i;
  }
  std::printf("2000 tables, %zu entries: the same bytes, and read by both\n", entry_count);
}

// Where the checksums are made right again, only the structure is left to find the damage.
std::string with_checksums(std::string table, const std::vector<std::array<std::uint64_t, 2>>& blocks) {
  for (const auto& [offset, size] : blocks) {
    if (offset + size + kTableTrailerBytes > table.size()) continue;
    std::string sum;
    append_u32(sum, mask_crc32c(crc32c(0, as_bytes(std::string_view(table).substr(offset, size + 1)))));
    table.replace(offset + size + 1, sum.size(), sum);
  }
  return table;
}

// The blocks of a table of ours: data, metaindex, index.
std::vector<std::array<std::uint64_t, 2>> blocks_of(std::string_view table) {
  std::vector<std::array<std::uint64_t, 2>> blocks;
  std::uint64_t begin = 0;
  // A block ends where the checksum of what lies between agrees.
  for (std::uint64_t end = 4; end + kTableTrailerBytes <= table.size() - kTableFooterBytes; ++end) {
    const auto stored = Cursor(Bytes(as_bytes(table.substr(end + 1, 4)), nullptr), "t").u32();
    if (table[end] != 0 || stored != mask_crc32c(crc32c(0, as_bytes(table.substr(begin, end + 1 - begin))))) continue;
    blocks.push_back({begin, end - begin});
    begin = end + kTableTrailerBytes;
    end = begin + 3;
  }
  return blocks;
}

TEST(TableDifferential, WhatIsReadOfADamagedTableLevelDbReadsToo) {
  std::mt19937 random(20260102);
  testing::LevelDbTable leveldb;
  std::size_t both_refuse = 0, both_read = 0, ours_stricter = 0;
  for (int i = 0; i < 500; ++i) {
    Entries entries;
    for (std::size_t n = up_to(12, random); entries.size() < n;) {
      entries.emplace(random_key(random).substr(0, 30), std::string(up_to(8, random), 'v'));
    }
    const std::string sound = build(entries, {.block_size = one_of<3>({1, 60, 4096}, random), .restart_interval = 4});
    const auto blocks = blocks_of(sound);
    for (int mutation = 0; mutation < 12; ++mutation) {
      std::string table = sound;
      for (std::size_t n = 1 + up_to(1, random); n > 0; --n) {
        table[random() % table.size()] = static_cast<char>(random() % 3 == 0 ? random() % 8 : random());
      }
      if (mutation % 3 != 0) table = with_checksums(std::move(table), blocks);
      const std::optional<Entries> ours = read_if_sound(table), theirs = leveldb.read_if_sound(table);
      if (ours) {
        ASSERT_TRUE(theirs.has_value()) << "table " << i << ", mutation " << mutation;
        ASSERT_EQ(*ours, *theirs) << "table " << i << ", mutation " << mutation;
      }
      ++(ours ? both_read : theirs ? ours_stricter : both_refuse);
    }
  }
  std::printf("6000 damaged tables: %zu refused by both, %zu read by both, %zu refused here only\n", both_refuse,
              both_read, ours_stricter);
  EXPECT_GT(both_refuse, 1000U);
  EXPECT_GT(both_read, 100U);
}

}  // namespace
}  // namespace transload::wire
