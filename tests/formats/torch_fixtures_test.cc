// What the real torch.load reads from its own files, we read.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "support/torch_files.h"

namespace transload {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::bytes_of_file;
using test::open_torch;

const fs::path kGolden = fs::path(TRANSLOAD_TESTS_DIR) / "golden" / "pytorch";

// Files that we treat otherwise than torch.load(weights_only=True) of torch 2.13 does, and why.
const std::map<std::string, std::string> kDiffering = {
    {"zip_variants/data_bitflip.bin", "torch does not check the CRC-32 that the file carries"},
    {"protocol4/zip.bin", "torch refuses the opcodes of protocol 4; nothing in it is unknown"},
    {"protocol4/legacy.bin", "torch refuses the opcodes of protocol 4; nothing in it is unknown"},
};

void expect_same(const fs::path& path, const json& expected) {
  const auto reader = open_torch(path);
  const Index& index = reader->index();
  std::map<std::string, std::size_t> groups;  // of torch: name -> storage
  std::vector<std::string> names;
  for (const auto& [name, tensor] : expected["tensors"].items()) {
    if (!tensor.contains("sha256") || tensor["sha256"].is_null()) continue;  // sparse
    names.push_back(name);
    const TensorInfo* found = index.find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(std::string(transload::name(found->dtype)), tensor["dtype"].get<std::string>()) << name;
    EXPECT_EQ(found->shape, tensor["shape"].get<Shape>()) << name;
    EXPECT_EQ(tensor_digest(*reader, *found), tensor["sha256"].get<std::string>()) << name;
    if (element_count(found->shape) != 0) groups[name] = tensor["storage_group"].get<std::size_t>();
  }
  EXPECT_EQ(index.tensors.size(), names.size());
  for (const auto& [a, group_a] : groups) {
    for (const auto& [b, group_b] : groups) {
      const bool tied = index.find(a)->chunks[0].storage == index.find(b)->chunks[0].storage;
      EXPECT_EQ(tied, group_a == group_b) << a << " and " << b;
    }
  }
}

TEST(TorchFixtures, AreReadAsTorchReadsThem) {
  std::size_t files = 0, refused = 0;
  for (const auto& folder : fs::directory_iterator(kGolden)) {
    const json expected = json::parse(bytes_of_file(folder.path() / "expected.json"));
    for (const auto& [file, outcome] : expected.items()) {
      if (file.starts_with("_")) continue;
      const fs::path path = folder.path() / file;
      const std::string label = folder.path().filename().string() + "/" + file;
      SCOPED_TRACE(label);
      ++files;
      if (outcome["weights_only"] == "ok" && !kDiffering.contains(label)) {
        EXPECT_NO_THROW(expect_same(path, outcome));
        continue;
      }
      if (label.starts_with("protocol4/")) {
        EXPECT_FALSE(test::digests(*open_torch(path)).empty());
        continue;
      }
      ++refused;
      EXPECT_THROW(
          {
            const auto reader = open_torch(path);
            test::digests(*reader);
          },
          Error);
    }
  }
  EXPECT_GT(files, 50u);
  EXPECT_GT(refused, 10u);
}

TEST(TorchFixtures, KeepTheOrderOfTheFile) {
  const auto reader = open_torch(kGolden / "tied" / "zip.bin");
  std::vector<std::string> names;
  for (const TensorInfo& tensor : reader->index().tensors) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c", "d", "e", "f"}));
}

TEST(TorchFixtures, KeepStridesOfViews) {
  const auto reader = open_torch(kGolden / "noncontiguous" / "zip.bin");
  const TensorInfo& transposed = *reader->index().find("transposed");
  EXPECT_EQ(transposed.chunks[0].strides, (std::vector<std::int64_t>{1, 5}));
  EXPECT_TRUE(reader->index().find("full")->chunks[0].strides.empty());
  EXPECT_TRUE(reader->index().find("scalar_view")->chunks[0].strides.empty());
}

TEST(TorchFixtures, NameSparseTensorsAndLeaveThemOut) {
  const auto reader = open_torch(kGolden / "unsupported_sparse" / "zip.bin");
  ASSERT_EQ(reader->index().left_out.size(), 1u);
  EXPECT_EQ(reader->index().left_out[0].tensor, "s");
  EXPECT_EQ(reader->index().left_out[0].reason, "is sparse (torch.sparse_coo)");
  ASSERT_EQ(reader->index().tensors.size(), 1u);
  EXPECT_EQ(reader->index().tensors[0].name, "d");
}

TEST(TorchFixtures, TellWhatIsNotCarriedOver) {
  const auto reader = open_torch(kGolden / "nested_state_dict_key" / "zip.bin");
  ASSERT_FALSE(reader->index().notes.empty());
  EXPECT_NE(reader->index().notes[0].find("not carried over"), std::string::npos);
}

TEST(TorchFixtures, AContainerCanBeChosen) {
  const auto reader = open_torch(kGolden / "nested_state_dict_key" / "zip.bin", "state_dict");
  ASSERT_EQ(reader->index().tensors.size(), 4u);
  EXPECT_EQ(reader->index().tensors[0].name, "module.0.weight");
  EXPECT_EQ(test::digests(*reader).size(), 4u);
  try {
    open_torch(kGolden / "nested_state_dict_key" / "zip.bin", "weights");
    FAIL() << "a container that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::usage);
    EXPECT_NE(error.advice().find("state_dict"), std::string::npos);
  }
}

TEST(TorchFixtures, StorageOrdersAreSwapped) {
  for (const char* file : {"zip_variants/byteorder_big.bin"}) {
    const auto reader = open_torch(kGolden / file);
    EXPECT_EQ(reader->index().storages[0].swap, 4) << file;
  }
}

struct Refusal {
  const char* file;
  Errc code;
  const char* message;  // a part of it
  const char* advice;
};

TEST(TorchFixtures, WhatIsNoCheckpointIsNamed) {
  const Refusal kRefusals[] = {
      {"not_torch/empty.bin", Errc::corrupt, "is empty", "again"},
      {"not_torch/text.bin", Errc::unsupported, "not a PyTorch checkpoint", "weights file"},
      {"not_torch/gitlfs.bin", Errc::unsupported, "git-lfs pointer", "git lfs pull"},
      {"not_torch/plain_zip.bin", Errc::unsupported, "none that torch.save wrote", "unpack"},
      {"not_torch/pickle_only.bin", Errc::unsupported, "bare pickle", "torch.save"},
      {"torchscript/model.pt", Errc::unsupported, "TorchScript", "state_dict"},
      {"full_module_custom/zip.bin", Errc::unsupported, "names", "state_dict"},
      {"full_module_builtin/legacy.bin", Errc::unsupported, "names", "state_dict"},
      {"argparse_namespace/zip.bin", Errc::unsupported, "argparse.Namespace", "save"},
      {"zip_variants/missing_storage.bin", Errc::corrupt, "missing", ""},
      {"zip_variants/truncated.bin", Errc::corrupt, "cut off", "again"},
      {"zip_variants/prefixed_junk.bin", Errc::unsupported, "", ""},
  };
  for (const Refusal& refusal : kRefusals) {
    SCOPED_TRACE(refusal.file);
    try {
      open_torch(kGolden / refusal.file);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(name(error.code()), name(refusal.code)) << error.what();
      EXPECT_NE(error.message().find(refusal.message), std::string::npos) << error.what();
      EXPECT_NE(error.advice().find(refusal.advice), std::string::npos) << error.advice();
      EXPECT_FALSE(error.where().file.empty());
    }
  }
}

TEST(TorchSniff, GoesByContent) {
  const auto sniff = [](const std::string& file) {
    const std::string bytes = bytes_of_file(kGolden / file).substr(0, 4096);
    return torch::torch_format().sniff("anything", as_bytes(bytes));
  };
  EXPECT_EQ(sniff("tied/zip.bin"), 100);
  EXPECT_EQ(sniff("tied/legacy.bin"), 100);
  EXPECT_EQ(sniff("protocol4/legacy.bin"), 100);
  EXPECT_EQ(sniff("zip_variants/deflated.bin"), 100);
  EXPECT_EQ(sniff("not_torch/text.bin"), 0);
  EXPECT_EQ(sniff("not_torch/empty.bin"), 0);
  EXPECT_LT(sniff("not_torch/plain_zip.bin"), 50);
  EXPECT_LT(sniff("not_torch/pickle_only.bin"), 50);
}

}  // namespace
}  // namespace transload
