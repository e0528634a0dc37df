// Storages that had to be decoded whole, so that the pieces of one are not decoded once each.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>

#include "transload/bytes.h"

namespace transload {

// Shared by the readers of one checkpoint; storages are told apart by their number. Thread-safe: threads that need the
// same storage at once wait for the one that decodes it, others go on. What was used last is kept: 256 MiB, or two
// storages where those are larger.
class DecodedCache {
 public:
  // The storage's bytes. `decode` runs in the calling thread, at most once for all that ask meanwhile; where it throws,
  // one of the others tries again. It may ask for other storages, never for itself.
  Bytes get(std::uint32_t storage, const std::function<Bytes()>& decode);

 private:
  struct Entry {
    std::uint32_t storage = 0;
    bool ready = false;
    Bytes bytes;
  };
  void drop_oldest();

  std::mutex mutex_;
  std::condition_variable decoded_;
  std::list<Entry> entries_;  // what was used last comes first
};

}  // namespace transload
