#include "transload/run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <numeric>

#include "support/files.h"
#include "support/memory_reader.h"
#include "transload/error.h"
#include "transload/prove.h"

namespace transload {
namespace {

using testing::MemoryCheckpoint;
using testing::read_file;
using testing::TempFolder;
using testing::values_of;
using Names = std::set<std::string>;

std::shared_ptr<Reader> source() {
  std::vector<float> values(std::size_t{1} << 20);
  std::iota(values.begin(), values.end(), 0.f);
  MemoryCheckpoint made;
  made.add("large", DType::f32, {1024, 1024}, values).add("small", DType::f32, {2}, std::vector<float>{1, 2});
  made.add("none", DType::f32, {0, 3}, std::vector<float>{});
  return made.reader();
}

// All of the source; the large matrix transposed.
Plan plan_of(const Reader& reader) {
  Plan plan = identity_plan(reader, "memory");
  plan.slots[0].pieces[0].axes = {{1024, 1, 1024}, {1024, 1024, 1}};
  return plan;
}

TEST(Run, FilesAreTheSameForAnyNumberOfThreadsAndAnyMemory) {
  const TempFolder folder;
  const auto reader = source();
  const Plan plan = plan_of(*reader);
  for (const std::string format : {"safetensors", "tensor_bundle", "torch"}) {
    const Format& to = *format_named(format);
    const Layout layout = to.layout(plan, {"model", {}});
    std::map<std::string, std::string> first;
    for (const RunOptions& options : {RunOptions{.threads = 1, .progress = {}, .stop = {}},
                                      RunOptions{.threads = 5, .memory = 100'000, .progress = {}, .stop = {}},
                                      RunOptions{.threads = 2, .memory = 1 << 30, .progress = {}, .stop = {}}}) {
      run(plan, {reader}, to, layout, {folder / format, true}, {}, options);
      for (const OutputSet::File& file : layout.files) {
        const std::string bytes = read_file(folder / format / file.name);
        EXPECT_EQ(first.try_emplace(file.name, bytes).first->second, bytes) << file.name;
      }
    }
    const auto output = to.open(open_folder(folder / format), "model", {});
    const ExactProof proof = prove_exact(plan, {reader}, *output);
    EXPECT_TRUE(proof.holds()) << proof.differences.front().what;
    EXPECT_EQ(values_of<float>(*output, "large")[1], 1024.f);
  }
}

TEST(Run, WritesNothingWhenItIsStopped) {
  const TempFolder folder;
  const auto reader = source();
  const Plan plan = plan_of(*reader);
  const Format& to = *format_named("safetensors");
  std::stop_source stop;
  RunOptions options{.threads = 1,
                     .memory = 100'000,  // many items
                     .progress = [&](std::uint64_t, std::uint64_t) { stop.request_stop(); },
                     .stop = stop.get_token()};
  EXPECT_THROW(run(plan, {reader}, to, to.layout(plan, {"m", {}}), {folder.path(), false}, {}, options), Error);
  EXPECT_EQ(folder.names(), Names{});
}

TEST(Run, AnEarlierOutputSurvivesAFailure) {
  const TempFolder folder;
  const auto reader = source();
  Plan plan = plan_of(*reader);
  const Format& to = *format_named("safetensors");
  run(plan, {reader}, to, to.layout(plan, {"m", {}}), {folder.path(), false});
  const std::string before = read_file(folder / "m");
  plan.equals = {{0, "large", "small"}};  // a promise that does not hold
  EXPECT_THROW(run(plan, {reader}, to, to.layout(plan, {"m", {}}), {folder.path(), true}), Error);
  EXPECT_EQ(read_file(folder / "m"), before);
  EXPECT_EQ(folder.names(), Names{"m"});
}

TEST(Run, NoMemoryAtAllIsStillEnoughForOneCacheLine) {
  const TempFolder folder;
  MemoryCheckpoint made;
  made.add("a", DType::f32, {33}, std::vector<float>(33, 1.5f));
  const auto reader = made.reader();
  const Plan plan = identity_plan(*reader, "memory");
  const Format& to = *format_named("safetensors");
  run(plan, {reader}, to, to.layout(plan, {"m", {}}), {folder.path(), false}, {},
      {.memory = 0, .progress = {}, .stop = {}});
  EXPECT_EQ(values_of<float>(*to.open(open_folder(folder.path()), "m", {}), "a"), std::vector<float>(33, 1.5f));
}

// A tensor with one value that is none, and another that float16 cannot hold.
std::shared_ptr<Reader> with_bad_values() {
  std::vector<float> values(std::size_t{1} << 20, 0.5f);
  values[5000] = std::numeric_limits<float>::quiet_NaN();
  values[1'000'000] = -1e6f;
  MemoryCheckpoint made;
  made.add("good", DType::f32, {2}, std::vector<float>{1, 2}).add("bad", DType::f32, {1024, 1024}, values);
  return made.reader();
}

TEST(Run, NonfiniteWeightsAreRefusedWhereThePlanSaysSo) {
  const TempFolder folder;
  const auto reader = with_bad_values();
  Plan plan = identity_plan(*reader, "memory");
  const Format& to = *format_named("safetensors");
  const Layout layout = to.layout(plan, {"m", {}});
  plan.allow_nonfinite = false;
  try {
    run(plan, {reader}, to, layout, {folder.path(), false});
    FAIL() << "NaN was carried over";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::mismatch);
    EXPECT_STREQ(error.what(), "memory, tensor 'bad': holds nan at [4, 904]");
  }
  EXPECT_EQ(folder.names(), Names{});
  plan.allow_nonfinite = true;
  EXPECT_TRUE(run(plan, {reader}, to, layout, {folder.path(), false}).overflowed.empty());
}

TEST(Run, OverflowIsAnErrorOrReported) {
  const TempFolder folder;
  const auto reader = with_bad_values();
  Plan plan = identity_plan(*reader, "memory");
  const Reader* const readers[] = {reader.get()};
  set_float_dtype(plan, readers, DType::f16);
  const Format& to = *format_named("safetensors");
  const Layout layout = to.layout(plan, {"m", {}});
  const std::string what = "-1000000 at [976, 576] is too large for float16 and becomes infinite";
  try {
    run(plan, {reader}, to, layout, {folder.path(), false});
    FAIL() << "a finite value became infinite";
  } catch (const Error& error) {
    EXPECT_EQ(error.where().tensor, "bad");
    EXPECT_EQ(error.message(), what);
  }
  plan.allow_overflow = true;
  const RunReport report = run(plan, {reader}, to, layout, {folder.path(), false});
  ASSERT_EQ(report.overflowed.size(), 1u);  // the NaN is none
  EXPECT_EQ(report.overflowed[0].tensor, "bad");
  EXPECT_EQ(report.overflowed[0].what, what);
  EXPECT_EQ(report.overflowed[0].count, 1u);
  plan.allow_nonfinite = false;  // what overflows is not what the source holds, but the NaN is
  EXPECT_THROW(run(plan, {reader}, to, layout, {folder.path(), true}), Error);
}

TEST(Run, WhatThePlanTakesForZerosMustBeZeros) {
  const auto outcome = [](float value, DType type, std::uint16_t half) {
    MemoryCheckpoint made;
    made.add("kept", DType::f32, {2}, std::vector<float>{1, 2});
    if (type == DType::f32) {
      made.add("types", type, {1, 3}, std::vector<float>{0, -0.f, value});
    } else {
      made.add("types", type, {1, 3}, std::vector<std::uint16_t>{0, 0x8000, half});
    }
    const auto reader = made.reader();
    Plan plan = identity_plan(*reader, "memory");
    plan.slots.pop_back();
    plan.zeros = {{0, "types", "there is no place for it"}};
    const TempFolder folder;
    const Format& to = *format_named("safetensors");
    const Layout layout = to.layout(plan, {"model.safetensors", {}});
    try {
      run(plan, {reader}, to, layout, {folder / "out", false});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::mismatch);
      EXPECT_FALSE(std::filesystem::exists(folder / "out" / "model.safetensors"));
      return std::string(error.what());
    }
    const auto output = to.open(open_folder(folder / "out"), "model.safetensors", {});
    EXPECT_TRUE(prove_exact(plan, {reader}, *output).holds());
    return std::string();
  };
  EXPECT_EQ(outcome(0, DType::f32, 0), "");
  EXPECT_EQ(outcome(0, DType::bf16, 0x8000), "");
  const std::string refused = outcome(0.25f, DType::f32, 0);
  EXPECT_NE(refused.find("must be zeros and holds 0.25 at [0, 2]: there is no place for it"), std::string::npos)
      << refused;
  EXPECT_NE(outcome(0, DType::f16, 0x7C00).find("holds inf at [0, 2]"), std::string::npos);
}

TEST(Run, ProgressEndsAtTheTotal) {
  const TempFolder folder;
  const auto reader = source();
  const Plan plan = plan_of(*reader);
  const Format& to = *format_named("safetensors");
  std::uint64_t last = 0;
  RunOptions options{.progress =
                         [&](std::uint64_t done, std::uint64_t total) {
                           EXPECT_GT(done, last);
                           EXPECT_EQ(total, total_bytes(plan));
                           last = done;
                         },
                     .stop = {}};
  run(plan, {reader}, to, to.layout(plan, {"m", {}}), {folder.path(), false}, {}, options);
  EXPECT_EQ(last, total_bytes(plan));
}

}  // namespace
}  // namespace transload
