// Every hostile file: what has to be refused is a finding, what has to load is none.
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/files.h"
#include "transload/scan.h"

namespace transload {
namespace {

const fs::path kHostile = fs::path(TRANSLOAD_TESTS_DIR) / "hostile";

struct Case {
  std::string file, format, attack, outcome, code;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  std::istringstream lines(testing::read_file(kHostile / "EXPECTED.tsv"));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    Case one;
    for (std::string* field : {&one.file, &one.format, &one.attack, &one.outcome, &one.code})
      std::getline(fields, *field, '\t');
    if (fs::exists(kHostile / one.file)) all.push_back(one);
  }
  return all;
}

// Where a scan comes to another answer on purpose.
const std::map<std::string, std::string> kOther = {
    {"torch_zip/name_int.pt", "integer keys are names as str() prints them: the reader takes them"},
    {"torch_zip/mem_many_keys.pt", "a dict of 6,000 None: settings without tensors, which harm nobody"},
    {"torch_zip/sparse_oob.pt", "only the values of its index tensor are wrong, and a scan reads no tensor bytes"},
    {"torch_zip/odd_name_evil.pt", "loads, and holds a pickle that runs a command beside what is loaded"},
    {"tf_bundle/tensor_crc/x.index", "only tensor bytes are wrong, which a scan does not read"},
    {"tf_bundle/data_bitflip/x.index", "only tensor bytes are wrong, which a scan does not read"},
};

TEST(ScanHostile, EveryCase) {
  std::size_t refused = 0, loaded = 0, named = 0;
  for (const Case& one : cases()) {
    const ScanReport report = scan(std::vector{kHostile / one.file});
    EXPECT_TRUE(report.failures.empty()) << one.file;
    if (kOther.contains(one.file)) continue;
    // A model's configuration is no checkpoint.
    if (one.format == "config") {
      EXPECT_EQ(report.findings(), 0u) << one.file;
      EXPECT_EQ(report.not_checkpoints, 1u) << one.file;
      continue;
    }
    if (one.outcome == "refuse") {
      EXPECT_GT(report.findings(), 0u) << one.file << ": " << one.attack;
      ++refused;
    } else if (one.outcome.starts_with("load")) {
      EXPECT_EQ(report.findings(), 0u) << one.file << ": " << to_json(report);
      ++loaded;
    }
    const bool by_state =
        one.file == "pickle/parameter_state_setattr.pkl" || one.file == "torch_zip/type_v2_setattr.pt";
    if (one.code == "PKL_GLOBAL_DENIED" && !by_state) {
      ASSERT_FALSE(report.files.empty()) << one.file;
      const ScanFile& file = report.files.front();
      EXPECT_GT(file.count(Grade::dangerous) + file.count(Grade::unknown), 0u) << one.file << ": " << one.attack;
      ++named;
    }
  }
  RecordProperty("refused", static_cast<int>(refused));
  std::printf("%zu refused, %zu of them by name, %zu loaded\n", refused, named, loaded);
  EXPECT_GT(refused, 300u);
  EXPECT_GT(named, 60u);
  EXPECT_GT(loaded, 20u);
}

// What plain unpickling was seen to execute is called dangerous, not only unknown.
TEST(ScanHostile, WhatRunsIsCalledDangerous) {
  std::size_t count = 0;
  for (const char* file : {"pickle/exec_before_break.pkl",
                           "pickle/exec_before_trunc.pkl",
                           "pickle/exec_then_bad_memo.pkl",
                           "pickle/ext_wrong_safetensors.safetensors",
                           "pickle/ext_wrong_txt.txt",
                           "pickle/memo_get_text.pkl",
                           "pickle/stack_global_computed.pkl",
                           "pickle/multi_second_evil.pkl",
                           "pickle/os_system_p0.pkl",
                           "pickle/pickle_loads_nested.pkl",
                           "torch_zip/pkl_exec_proto0.pt",
                           "zip/case_dup.pt",
                           "zip/dup_name_evil_first.pt",
                           "zip/dup_name_evil_second.pt",
                           "zip/flag_encrypted_evil.pt",
                           "zip/local_name_evil.pt",
                           "zip/eocd_in_comment.pt",
                           "torch_legacy/evil_magic.bin",
                           "torch_legacy/evil_object.bin",
                           "torch_legacy/tar_evil_pickle.tar",
                           "torch_legacy/tar_evil_storages.tar",
                           "numpy/object.npy",
                           "numpy/object_in_npz.npz"}) {
    if (!fs::exists(kHostile / file)) continue;
    const ScanReport report = scan(std::vector{kHostile / file});
    ASSERT_EQ(report.files.size(), 1u) << file;
    EXPECT_GT(report.files[0].count(Grade::dangerous), 0u) << file << to_json(report);
    ++count;
  }
  EXPECT_GT(count, 15u);
}

}  // namespace
}  // namespace transload
