// One file of a set while it is written in the set's staging folder.
#pragma once

#include <optional>

#include "io/folder.h"

namespace transload::io {

// The mode of a file that replaces one of mode `earlier`: the same, but where it cannot be given the same group.
mode_t mode_of_successor(mode_t earlier, bool same_group);

class StagedFile final : public Sink {
 public:
  // Exclusive, with its space reserved: a full disk is known before anything is computed. `shown` is its final name,
  // for messages. An earlier file passes on its mode, and its owner and group where that is allowed; else the mode is
  // 0644 whatever the umask, because checkpoints are made by one user and read by others.
  StagedFile(const Folder& folder, const std::string& name, std::uint64_t size, const fs::path& shown,
             const std::optional<struct stat>& earlier);

  void write(std::uint64_t offset, ByteView data) override;
  std::uint64_t size() const noexcept override { return size_; }
  // All of it is on disk, and the file is closed.
  void finish();

 private:
  std::string shown_;
  std::uint64_t size_;
  Descriptor fd_;
};

}  // namespace transload::io
