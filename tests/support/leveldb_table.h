// LevelDB's own builder and reader of tables, as an oracle. Through temporary files: Debian's library has no run-time
// type information, without which its file classes cannot be derived from.
#pragma once

#include <gtest/gtest.h>
#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table.h>
#include <leveldb/table_builder.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "support/bundle_fixtures.h"

namespace transload::testing {

class LevelDbTable {
 public:
  using Entries = std::map<std::string, std::string>;

  LevelDbTable() : path_(::testing::TempDir() + "transload_table_" + std::to_string(::getpid())) {}
  ~LevelDbTable() { std::filesystem::remove(path_); }

  std::string build(const Entries& entries, std::size_t block_size, int restart_interval) {
    leveldb::Options options;
    options.compression = leveldb::kNoCompression;
    options.block_size = block_size;
    options.block_restart_interval = restart_interval;
    leveldb::WritableFile* file = nullptr;
    check(leveldb::Env::Default()->NewWritableFile(path_, &file));
    const std::unique_ptr<leveldb::WritableFile> owner(file);
    leveldb::TableBuilder builder(options, file);
    for (const auto& [key, value] : entries) builder.Add(key, value);
    check(builder.Finish());
    check(file->Close());
    return contents(path_);
  }

  // What build() wrote, or a text.
  Entries read(const std::string& bytes) {
    Entries entries;
    check(read_into(entries, bytes));
    return entries;
  }

  // The same of bytes that may be no table.
  std::optional<Entries> read_if_sound(const std::string& bytes) {
    Entries entries;
    if (!read_into(entries, bytes).ok()) return std::nullopt;
    return entries;
  }

 private:
  static void check(const leveldb::Status& status) { ASSERT_TRUE(status.ok()) << status.ToString(); }

  leveldb::Status read_into(Entries& entries, const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    leveldb::RandomAccessFile* file = nullptr;
    check(leveldb::Env::Default()->NewRandomAccessFile(path_, &file));
    const std::unique_ptr<leveldb::RandomAccessFile> file_owner(file);
    leveldb::Options options;
    options.paranoid_checks = true;
    leveldb::Table* table = nullptr;
    if (const leveldb::Status status = leveldb::Table::Open(options, file, bytes.size(), &table); !status.ok()) {
      return status;
    }
    const std::unique_ptr<leveldb::Table> table_owner(table);
    leveldb::ReadOptions read_options;
    read_options.verify_checksums = true;
    const std::unique_ptr<leveldb::Iterator> at(table->NewIterator(read_options));
    for (at->SeekToFirst(); at->Valid(); at->Next()) entries.emplace(at->key().ToString(), at->value().ToString());
    return at->status();
  }

  std::string path_;
};

}  // namespace transload::testing
