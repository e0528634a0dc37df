// The hostile files: each comes to its required outcome, whatever its bytes claim.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "formats/torch/globals.h"
#include "support/stopwatch.h"
#include "support/torch_files.h"
#include "wire/pickle.h"

namespace transload {
namespace {

namespace fs = std::filesystem;
using test::bytes_of_file;
using test::open_torch;

const fs::path kHostile = fs::path(TRANSLOAD_TESTS_DIR) / "hostile";

const std::set<std::string> kFolders = {"torch_zip", "zip", "torch_legacy", "pickle", "pickle_mem"};

struct Case {
  std::string file, attack, outcome, code;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  std::istringstream lines(bytes_of_file(kHostile / "EXPECTED.tsv"));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    Case one;
    std::string format;
    std::getline(fields, one.file, '\t');
    std::getline(fields, format, '\t');
    std::getline(fields, one.attack, '\t');
    std::getline(fields, one.outcome, '\t');
    std::getline(fields, one.code, '\t');
    const std::string folder = one.file.substr(0, one.file.find('/'));
    if (kFolders.contains(folder)) all.push_back(one);
  }
  return all;
}

// Cases whose required outcome and ours differ on purpose.
const std::map<std::string, std::string> kListedNotCarried = {
    {"torch_zip/sparse_oob.pt", "sparse tensors are listed in left_out, and convert refuses them; --dense refuses it"},
    {"torch_zip/qtensor.pt", "quantised tensors are listed in left_out, and convert refuses them; --dense refuses it"},
};
const std::map<std::string, std::string> kLoaded = {
    {"torch_zip/name_int.pt", "integer keys are printed as str() does: fixtures/pytorch/int_keys demands it"},
};

TEST(TorchHostile, EveryCaseHasItsRequiredOutcome) {
  std::size_t refused = 0, loaded = 0;
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.file + ": " + one.attack + " -> " + one.outcome);
    const test::Stopwatch watch;
    std::string problem;
    std::size_t left_out = 0;
    try {
      const auto reader = open_torch(kHostile / one.file);
      test::digests(*reader);
      left_out = reader->index().left_out.size();
    } catch (const Error& error) {
      problem = error.what();
      EXPECT_EQ(problem.find('\n'), std::string::npos);
      EXPECT_EQ(problem.find('\x1b'), std::string::npos);
      EXPECT_LT(problem.size(), 1000u);
    }
    EXPECT_LT(watch.seconds(), 2);
    (problem.empty() ? loaded : refused)++;
    if (kListedNotCarried.contains(one.file)) {
      EXPECT_EQ(problem, "");
      EXPECT_EQ(left_out, 1u);
    } else if (one.outcome.starts_with("load") || kLoaded.contains(one.file)) {
      EXPECT_EQ(problem, "");
    } else if (one.outcome == "refuse") {
      EXPECT_NE(problem, "");
    }  // otherwise either is documented: it did not crash
  }
  EXPECT_GT(refused, 200u);
  EXPECT_GE(loaded, 15u);
}

TEST(TorchHostile, WhatIsListedAndNotCarriedIsRefusedWhenItIsToBeMadeDense) {
  for (const auto& [file, why] : kListedNotCarried) {
    SCOPED_TRACE(file);
    const fs::path path = kHostile / file;
    EXPECT_THROW(test::digests(*torch::torch_format().open(open_folder(path.parent_path()), path.filename().string(),
                                                           {.key = {}, .dense = true})),
                 Error);
  }
}

TEST(TorchHostile, TheTarArchivesAreRefusedForWhatTheyAreAndTheGoodOneIsRead) {
  const auto problem = [](const std::string& file) -> std::string {
    try {
      test::digests(*open_torch(kHostile / "torch_legacy" / file));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(problem("tar_ok.tar"), "");
  const auto read = open_torch(kHostile / "torch_legacy/tar_ok.tar");
  ASSERT_EQ(read->index().tensors.size(), 1u);
  float values[3] = {};
  read_tensor(*read, *read->index().find("w"), std::as_writable_bytes(std::span(values)));
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[1], 1);
  EXPECT_EQ(values[2], 2);
  const std::pair<const char*, const char*> kRefused[] = {{"tar_evil_pickle.tar", "pickle"},
                                                          {"tar_evil_storages.tar", "storages"},
                                                          {"tar_traversal.tar", "plain name"},
                                                          {"tar_symlink.tar", "no regular file"},
                                                          {"tar_ndim_lies.tar", "2147483647 dimensions"}};
  for (const auto& [file, why] : kRefused) EXPECT_NE(problem(file).find(why), std::string::npos) << problem(file);
}

// Bare pickles are refused for not being files of torch.save. Given to the machine itself, they must be refused for
// what they are.
TEST(TorchHostile, BarePicklesAreRefusedForWhatTheyAre) {
  // Well-formed data that names nothing forbidden: the pickle is fine, and no checkpoint.
  const std::map<std::string, std::string> kHarmless = {
      {"pickle_mem/empty_dicts_30k.pkl", "16 bytes a value: no amplification here"},
      {"pickle/multi_second_evil.pkl", "the machine reads one pickle; its user refuses what follows"},
      {"pickle/trailing_garbage.pkl", "the machine reads one pickle; its user refuses what follows"},
      {"pickle_mem/codecs_hex_doubling.pkl", "nothing is called; refused when a checkpoint is made of it"},
      {"pickle_mem/bytearray_2p62.pkl", "nothing is called; refused when a checkpoint is made of it"},
      {"pickle_mem/floattensor_2p40.pkl", "nothing is allocated; refused when a checkpoint is made of it"},
      {"pickle/parameter_state_setattr.pkl", "nothing is set; refused when a checkpoint is made of it"},
  };
  std::size_t denied = 0;
  for (const Case& one : cases()) {
    if (!one.file.starts_with("pickle")) continue;
    SCOPED_TRACE(one.file + ": " + one.attack + " -> " + one.code);
    std::string problem;
    try {
      wire::read_pickle(test::owned(bytes_of_file(kHostile / one.file)), {.file = one.file, .base = 0, .whole = true},
                        torch::is_allowed);
    } catch (const Error& error) {
      problem = error.what();
      EXPECT_TRUE(error.where().offset.has_value());
    }
    denied += problem.find("not on the list") != std::string::npos ? 1 : 0;
    EXPECT_EQ(problem.empty(), kHarmless.contains(one.file)) << problem;
  }
  EXPECT_GT(denied, 50u);
}

}  // namespace
}  // namespace transload
