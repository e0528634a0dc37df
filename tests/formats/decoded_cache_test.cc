// Storages that are decoded whole: once for all threads that need them, within bounded memory.
#include "formats/decoded_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "transload/error.h"

namespace transload {
namespace {

Bytes bytes_of(std::uint64_t size) { return Bytes(std::vector<std::byte>(size)); }

TEST(DecodedCache, ThreadsThatNeedOneStorageDecodeItOnce) {
  DecodedCache cache;
  std::atomic<int> decoded = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (std::uint32_t storage = 0; storage < 6; ++storage) {
        const Bytes bytes = cache.get(storage, [&] {
          ++decoded;
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          return bytes_of(10 + storage);
        });
        EXPECT_EQ(bytes.size(), 10 + storage);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(decoded, 6);
}

TEST(DecodedCache, OneStorageMayNeedAnother) {
  DecodedCache cache;
  const Bytes bytes = cache.get(0, [&] { return cache.get(1, [] { return bytes_of(5); }); });
  EXPECT_EQ(bytes.size(), 5u);
  EXPECT_EQ(cache.get(1, []() -> Bytes { throw Error(Errc::usage, "decoded again"); }).size(), 5u);
}

TEST(DecodedCache, AFailureIsNotKept) {
  DecodedCache cache;
  EXPECT_THROW(cache.get(0, []() -> Bytes { throw Error(Errc::corrupt, "broken"); }), Error);
  EXPECT_EQ(cache.get(0, [] { return bytes_of(3); }).size(), 3u);
}

TEST(DecodedCache, KeepsManySmallStoragesAndTwoLargeOnes) {
  DecodedCache cache;
  int decoded = 0;
  const auto ask = [&](std::uint32_t storage, std::uint64_t size) {
    cache.get(storage, [&] {
      ++decoded;
      return bytes_of(size);
    });
  };
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t i = 0; i < 100; ++i) ask(i, 1000);
  }
  EXPECT_EQ(decoded, 100);
  decoded = 0;
  constexpr std::uint64_t kLarge = std::uint64_t{150} << 20;
  ask(200, kLarge), ask(201, kLarge), ask(200, kLarge), ask(201, kLarge);
  EXPECT_EQ(decoded, 2);
  ask(202, kLarge), ask(201, kLarge);
  EXPECT_EQ(decoded, 3);
  ask(200, kLarge);  // was dropped for 202
  EXPECT_EQ(decoded, 4);
}

}  // namespace
}  // namespace transload
