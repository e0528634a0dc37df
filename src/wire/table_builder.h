// Writing a sorted table, byte for byte as LevelDB's and TensorFlow's builders do without compression.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace transload::wire {

struct TableOptions {
  std::uint64_t block_size = 262144;    // TensorFlow's for bundles; LevelDB's own is 4096
  std::uint32_t restart_interval = 16;  // entries from one full key to the next, in data blocks
};

// Holds the whole table in memory: an index has about a hundred bytes for each tensor.
class TableBuilder {
 public:
  explicit TableBuilder(TableOptions options = {}) : options_(options), data_(options.restart_interval) {}

  // Keys strictly increasing, compared as unsigned bytes (Errc::usage).
  void add(std::string_view key, std::string_view value);
  // The whole file. Once.
  std::string finish();

 private:
  class Block {
   public:
    explicit Block(std::uint32_t restart_interval) : restart_interval_(restart_interval) {}
    void add(std::string_view key, std::string_view value);
    bool empty() const noexcept { return bytes_.empty(); }
    std::uint64_t size() const noexcept { return bytes_.size() + 4 * restarts_.size() + 4; }  // when finished
    std::string finish();

   private:
    std::uint32_t restart_interval_, since_restart_ = 0;
    std::string bytes_, last_key_;
    std::vector<std::uint32_t> restarts_{0};
  };

  std::string write(Block& block);  // returns the handle
  void flush();

  TableOptions options_;
  Block data_, index_{1};
  std::string out_, last_key_, pending_handle_;
  bool any_ = false;
};

}  // namespace transload::wire
