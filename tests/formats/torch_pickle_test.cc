// Checkpoints whose pickles are written by hand: what no recent PyTorch writes.
#include <gtest/gtest.h>

#include <string>

#include "support/stopwatch.h"
#include "support/torch_files.h"
#include "support/zip_builder.h"

namespace transload {
namespace {

using namespace std::string_literals;

std::string archive(const std::string& pickle) {
  return test::build_zip({{.name = "t/data.pkl", .content = "\x80\x02" + pickle + "."},
                          {.name = "t/data/0", .content = std::string(12, '\x01')},
                          {.name = "t/version", .content = "3\n"}});
}

std::string text(const std::string& value) {
  std::string out = "X";
  test::put(out, value.size(), 4);
  return out + value;
}

// Three floats.
std::string tensor() {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
         text("cpu") + "K\x03tQK\x00K\x03\x85K\x01\x85\x89"s + "ccollections\nOrderedDict\n)RtR";
}

std::vector<std::string> names(const std::string& pickle) {
  std::vector<std::string> all;
  const auto reader = test::open_torch(archive(pickle));
  for (const auto& [name, digest] : test::digests(*reader)) all.push_back(name);
  return all;
}

std::string failure(const std::string& pickle) {
  try {
    names(pickle);
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

using Names = std::vector<std::string>;

TEST(TorchPickle, OrderedDictOfPython2HasItsItemsAsPairs) {
  EXPECT_EQ(names("ccollections\nOrderedDict\n(](](U\x01"
                  "a" +
                  tensor() +
                  "e](U\x01"
                  "b" +
                  tensor() + "eetR"),
            (Names{"a", "b"}));
}

TEST(TorchPickle, TheFirstRebuilderHasFourArguments) {
  EXPECT_EQ(names("}U\x01wctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x01"
                  "0U\x03"
                  "cpuK\x03tQ"
                  "K\x01K\x02\x85K\x01\x85tRs"),
            Names{"w"});
}

TEST(TorchPickle, KeysArePrintedAsPythonPrintsThem) {
  const std::string half = "G\x3f\xe0\x00\x00\x00\x00\x00\x00"s;
  const std::string tiny = "G\x3e\xe4\xf8\xb5\x88\xe3\x68\xf1"s;   // 1e-05
  const std::string large = "G\x43\x41\xc3\x79\x37\xe0\x80\x00"s;  // 1e+16
  EXPECT_EQ(
      names("}(" + half + tensor() + tiny + tensor() + large + tensor() + "\x8a\x09" +
            "\x00\x00\x00\x00\x00\x00\x00\x00\x01"s + tensor() + "U\x04it's\x85" + tensor() + "\x88" + tensor() + "u"),
      (Names{"0.5", "1e-05", "1e+16", "18446744073709551616", "(\"it's\",)", "True"}));
}

TEST(TorchPickle, KeysThatPrintTheSameAreRefused) {
  EXPECT_NE(failure("}(K\x01" + tensor() +
                    "U\x01"
                    "1" +
                    tensor() + "u")
                .find("twice"),
            std::string::npos);
  EXPECT_NE(failure("}(U\x01"
                    "a}U\x01"
                    "b" +
                    tensor() +
                    "sU\x03"
                    "a/b" +
                    tensor() + "u"),
            "");
}

TEST(TorchPickle, KeysThatAreNotUtf8AreRefused) {
  EXPECT_NE(failure("}U\x01\xff" + tensor() + "s").find("UTF-8"), std::string::npos);
}

// A list of two references to a list of two references ... to a tensor: 2^60 names.
TEST(TorchPickle, SharedContainersAreNotSlow) {
  std::string pickle = tensor();
  for (int i = 0; i < 60; ++i)
    pickle += "q"s + static_cast<char>(i) + "0](h"s + static_cast<char>(i) + "h"s + static_cast<char>(i) + "e";
  const test::Stopwatch watch;
  EXPECT_NE(failure(pickle).find("shared"), std::string::npos);
  EXPECT_LT(watch.seconds(), 1);
}

// One dict with a tensor and many plain values, mentioned many times.
TEST(TorchPickle, ASharedDictOfManyValuesIsNotSlow) {
  std::string pickle = "](}q\x01("s;
  for (int i = 0; i < 20000; ++i) {
    pickle += "M";
    test::put(pickle, static_cast<std::uint64_t>(i), 2);
    pickle += "N";
  }
  pickle += "U\x01w" + tensor() + "u";
  for (int i = 0; i < 20000; ++i) pickle += "h\x01";
  const test::Stopwatch watch;
  EXPECT_NE(failure(pickle + "e").find("shared"), std::string::npos);
  EXPECT_LT(watch.seconds(), 2);
}

// Many OrderedDicts, each made from the same large dict.
TEST(TorchPickle, ManyCopiesOfOneDictAreNotSlow) {
  std::string pickle = "](}q\x01("s;
  for (int i = 0; i < 60000; ++i) {
    pickle += "M";
    test::put(pickle, static_cast<std::uint64_t>(i), 2);
    pickle += "N";
  }
  pickle += "ueccollections\nOrderedDict\nq\x02"s + "0(";
  for (int i = 0; i < 60000; ++i) pickle += "h\x02h\x01\x85R";
  const test::Stopwatch watch;
  EXPECT_NE(failure(pickle + "e"), "");
  EXPECT_LT(watch.seconds(), 2);
}

TEST(TorchPickle, OnlyDictsTakeItems) {
  EXPECT_NE(failure("}U\x01w" + tensor() +
                    "U\x01"
                    "aK\x01ss")
                .find("changed after"),
            std::string::npos);
  EXPECT_NE(failure("}(U\x01w" + tensor() + "U\x01sctorch\nSize\n)\x85RK\x01K\x02su"), "");
  EXPECT_NE(failure("}(U\x01w" + tensor() + "U\x01sctorch\nFloatStorage\n)Ru").find("only mentions"),
            std::string::npos);
}

}  // namespace
}  // namespace transload
