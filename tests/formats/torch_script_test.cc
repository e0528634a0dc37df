// TorchScript archives: refused, or read by what their code declares, and none of it run.
#include "formats/torch/script.h"

#include <gtest/gtest.h>

#include <string>

#include "support/torch_files.h"
#include "support/zip_builder.h"

namespace transload {
namespace {

namespace fs = std::filesystem;
using test::bytes_of_file;
using test::OneFileStore;

const fs::path kTests = TRANSLOAD_TESTS_DIR;

std::unique_ptr<Reader> open_opaque(const std::string& bytes) {
  return torch::torch_format().open(std::make_shared<OneFileStore>(bytes), "model.pt",
                                    {.key = {}, .allow_opaque = true, .dense = false});
}

TEST(TorchScript, TheFixtureIsRefusedAndReadWhenAsked) {
  const std::string bytes = bytes_of_file(kTests / "golden/pytorch/torchscript/model.pt");
  try {
    test::open_torch(bytes);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("TorchScript"), std::string::npos);
    EXPECT_NE(error.advice().find("--allow-opaque"), std::string::npos);
  }
  const auto reader = open_opaque(bytes);
  EXPECT_EQ(test::digests(*reader).size(), 2u);
  EXPECT_NE(reader->index().find("weight"), nullptr);
  EXPECT_NE(reader->index().find("bias"), nullptr);
}

TEST(TorchScript, ClassesAreReadFromTheirDeclarations) {
  const auto classes = torch::read_script_classes(
      "class A(Module):\n"
      "  __parameters__ = [\"w\", \"b\", ]\n"
      "  __buffers__ = [\"t\", ]\n"
      "  w : Tensor\n"
      "  def forward(self: A) -> str:\n"
      "    return \"x\"\n"
      "class B(NamedTuple):\n"
      "  __parameters__ = [\"no\", ]\n"
      "class C(Module):\n"
      "  __parameters__ = []\n"
      "  __buffers__ = [\"open\n");
  ASSERT_EQ(classes.size(), 2u);
  EXPECT_EQ(classes.at("A").members, (std::set<std::string, std::less<>>{"w", "b", "t"}));
  EXPECT_TRUE(classes.at("C").members.empty());
  EXPECT_TRUE(torch::read_script_classes("class \nclass (\nclass X").empty());
}

std::string text(const std::string& value) {
  std::string out = "X";
  test::put(out, value.size(), 4);
  return out + value;
}

std::string archive(const std::string& pickle, const std::string& code) {
  return test::build_zip({{.name = "m/data.pkl", .content = pickle},
                          {.name = "m/data/0", .content = std::string(4, '\0')},
                          {.name = "m/code/__torch__.py", .content = code},
                          {.name = "m/constants.pkl", .content = "\x80\x02)."},
                          {.name = "m/version", .content = "3\n"}});
}

const std::string kTensor = "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" +
                            text("0") + text("cpu") + "K\x01tQK" + std::string(1, '\0') +
                            "K\x01\x85K\x01\x85\x89"
                            "ccollections\nOrderedDict\n)RtR";

std::string module(const std::string& name, const std::string& attributes) {
  return "c__torch__\n" + name + "\n)\x81}(" + attributes + "ub";
}

TEST(TorchScript, OnlyWhatIsDeclaredIsReadAndTheRestIsNamed) {
  const std::string code = "class M(Module):\n  __parameters__ = [\"w\", ]\n  __buffers__ = []\n";
  const std::string inner = module("M", text("w") + kTensor + text("x") + kTensor);
  const auto reader = open_opaque(
      archive("\x80\x02" + module("M", text("w") + kTensor + text("n") + "K\x05" + text("sub") + inner) + ".", code));
  ASSERT_EQ(reader->index().tensors.size(), 2u);
  EXPECT_EQ(reader->index().tensors[0].name, "w");
  EXPECT_EQ(reader->index().tensors[1].name, "sub.w");
  std::string notes;
  for (const std::string& note : reader->index().notes) notes += note;
  EXPECT_NE(notes.find("sub.x"), std::string::npos) << notes;
  // Without its code all tensors of a class are taken.
  const auto bare = open_opaque(archive("\x80\x02" + inner + ".", "class Other(Module):\n"));
  EXPECT_EQ(bare->index().tensors.size(), 2u);
}

// 60 modules, each twice in the next: 2^60 names.
TEST(TorchScript, SharedModulesStandForABoundedNumberOfNames) {
  std::string pickle = "\x80\x02" + module("M", text("w") + kTensor) + "q" + std::string(1, '\0');
  for (int i = 0; i < 60; ++i) {
    const std::string get = "h" + std::string(1, static_cast<char>(i));
    pickle += "0" + module("M", text("a") + get + text("b") + get) + "q" + std::string(1, static_cast<char>(i + 1));
  }
  try {
    open_opaque(archive(pickle + ".", "class M(Module):\n  __parameters__ = [\"w\", ]\n"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("shared modules"), std::string::npos) << error.what();
  }
}

TEST(TorchScript, AModuleWithoutParametersIsRefused) {
  EXPECT_THROW(open_opaque(archive("\x80\x02" + module("M", text("n") + "K\x05") + ".", "")), Error);
}

}  // namespace
}  // namespace transload
