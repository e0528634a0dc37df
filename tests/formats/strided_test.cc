#include "formats/strided.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "support/memory_reader.h"

namespace transload {
namespace {

using testing::MemoryCheckpoint;

// The definition: one element per coordinate, the slowest way there is.
template <class T>
std::vector<T> one_by_one(const std::vector<Axis>& axes, const std::vector<T>& from, std::size_t size) {
  std::vector<T> to(size);
  std::vector<std::int64_t> at(axes.size(), 0);
  while (true) {
    std::int64_t f = 0, t = 0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      f += at[i] * axes[i].from;
      t += at[i] * axes[i].to;
    }
    to[static_cast<std::size_t>(t)] = from[static_cast<std::size_t>(f)];
    std::size_t i = axes.size();
    while (i > 0 && ++at[i - 1] == axes[i - 1].extent) at[--i] = 0;
    if (i == 0) return to;
  }
}

template <class T>
void compare_with_definition(unsigned seed) {
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    // A box of random sizes: the source in one order of the axes with gaps, the target dense in another.
    const std::size_t rank = 1 + random() % 4;
    std::vector<Axis> axes(rank);
    for (Axis& axis : axes) axis.extent = 1 + static_cast<std::int64_t>(random() % (rank > 2 ? 9 : 70));
    std::vector<std::size_t> order(rank);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    std::int64_t from = 1 + static_cast<std::int64_t>(random() % 2);
    for (const std::size_t i : order) {
      axes[i].from = from;
      from *= axes[i].extent + static_cast<std::int64_t>(random() % 3);
    }
    std::shuffle(order.begin(), order.end(), random);
    std::int64_t to = 1;
    for (const std::size_t i : order) {
      axes[i].to = to;
      to *= axes[i].extent;
    }
    std::vector<T> source(static_cast<std::size_t>(from) + 1);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<T>(i * 2654435761u);

    const std::vector<T> wanted = one_by_one(axes, source, static_cast<std::size_t>(to));
    std::vector<T> copied(wanted.size()), gathered(wanted.size());
    strided_copy(axes, sizeof(T), std::as_bytes(std::span(source)).data(),
                 std::as_writable_bytes(std::span(copied)).data());
    ASSERT_EQ(copied, wanted) << "round " << round;

    MemoryCheckpoint made;
    made.add_storage(source);
    gather(*made.reader(), {0, 0, axes, 0}, sizeof(T), std::as_writable_bytes(std::span(gathered)).data());
    ASSERT_EQ(gathered, wanted) << "round " << round;
  }
}

TEST(Strided, CopyAndGatherFollowTheDefinition) {
  compare_with_definition<std::uint8_t>(1);
  compare_with_definition<std::uint16_t>(2);
  compare_with_definition<std::uint32_t>(3);
  compare_with_definition<std::uint64_t>(4);
}

TEST(Strided, AGatherFarLargerThanOneRead) {
  // Every third column of a matrix of 24 MB: rows of runs with gaps.
  std::vector<std::uint32_t> source(std::size_t{3000} * 2000);
  std::iota(source.begin(), source.end(), 0u);
  const std::vector<Axis> axes{{3000, 2000, 1}, {666, 3, 3000}};
  const std::vector<std::uint32_t> wanted = one_by_one(axes, source, std::size_t{3000} * 666);
  MemoryCheckpoint made;
  made.add_storage(source);
  std::vector<std::uint32_t> gathered(wanted.size());
  gather(*made.reader(), {0, 0, axes, 0}, 4, std::as_writable_bytes(std::span(gathered)).data());
  EXPECT_EQ(gathered, wanted);
}

TEST(Strided, ABroadcastReadsItsElementOnce) {
  MemoryCheckpoint made;
  made.add_storage(std::vector<float>{7});
  std::vector<float> gathered(5);
  gather(*made.reader(), {0, 0, {{5, 0, 1}}, 0}, 4, std::as_writable_bytes(std::span(gathered)).data());
  EXPECT_EQ(gathered, std::vector<float>(5, 7));
}

TEST(Strided, CoalesceJoinsWhatIsOneRun) {
  std::vector<Axis> axes{{3, 4, 4}, {4, 1, 1}, {1, 99, 99}};
  coalesce(axes);
  EXPECT_EQ(axes, (std::vector<Axis>{{12, 1, 1}}));
}

}  // namespace
}  // namespace transload
