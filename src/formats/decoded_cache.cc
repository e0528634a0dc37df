#include "formats/decoded_cache.h"

#include <algorithm>

namespace transload {
namespace {

constexpr std::uint64_t kMostKept = std::uint64_t{256} << 20;
constexpr std::size_t kAlwaysKept = 2;

}  // namespace

Bytes DecodedCache::get(std::uint32_t storage, const std::function<Bytes()>& decode) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto found = std::ranges::find(entries_, storage, &Entry::storage);
    if (found == entries_.end()) break;
    if (found->ready) {
      entries_.splice(entries_.begin(), entries_, found);
      return found->bytes;
    }
    decoded_.wait(lock);
  }
  const auto own = entries_.insert(entries_.begin(), Entry{storage, false, {}});
  lock.unlock();
  Bytes bytes;
  try {
    bytes = decode();
  } catch (...) {
    lock.lock();
    entries_.erase(own);
    decoded_.notify_all();
    throw;
  }
  lock.lock();
  own->bytes = bytes;
  own->ready = true;
  drop_oldest();
  decoded_.notify_all();
  return bytes;
}

void DecodedCache::drop_oldest() {
  std::uint64_t total = 0;
  std::size_t count = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (!entry->ready) {
      ++entry;
      continue;
    }
    total += entry->bytes.size();
    ++count;
    if (count > kAlwaysKept && total > kMostKept) {
      total -= entry->bytes.size();
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
}

}  // namespace transload
