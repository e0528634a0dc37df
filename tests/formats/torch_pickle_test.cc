// Checkpoints whose pickles are written by hand: what no recent PyTorch writes.
#include <gtest/gtest.h>

#include <memory>
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

// ---- what writers before 0.4 left

std::string old_storage() {
  return "(U\x07storagectorch\nFloatStorage\nU\x01"
         "0U\x03"
         "cpuK\x03tQ";
}

TEST(TorchPickle, TheFirstTensorsGetTheirStateAfterwards) {
  const std::string state = old_storage() + "K\x01K\x02\x85K\x01\x85tb";
  EXPECT_EQ(names("}U\x01wctorch\nFloatTensor\n)R(" + state + "s"), Names{"w"});
  EXPECT_EQ(names("}U\x01wctorch.cuda\nFloatTensor\n)\x81(" + state + "s"), Names{"w"});
  EXPECT_EQ(names("}U\x01wctorch\nTensor\n)R(" + state + "s"), Names{"w"});
  EXPECT_NE(failure("}U\x01wctorch\nDoubleTensor\n)R(" + state + "s").find("another type"), std::string::npos);
  EXPECT_NE(failure("}U\x01wctorch\nFloatTensor\nK\x05\x85Rs").find("arguments"), std::string::npos);
  EXPECT_NE(failure("}U\x01wctorch\nFloatTensor\n)Rs").find("arguments"), std::string::npos);
}

TEST(TorchPickle, ParametersBefore04AreCalledOrGetTheirState) {
  const std::string name = "ctorch.nn.parameter\nParameter\n";
  EXPECT_EQ(names("}U\x01w" + name + tensor() + "\x85R(\x88\x89}tbs"), Names{"w"});
  EXPECT_EQ(names("}U\x01w" + name + ")R(" + tensor() + "N}\x88\x89tbs"), Names{"w"});
  EXPECT_EQ(names("}U\x01wctorch.autograd.variable\nVariable\n" + tensor() + "\x85R(\x88\x89}tbs"), Names{"w"});
  EXPECT_NE(failure("}U\x01w" + name + name + tensor() + "\x85R\x85Rs"), "");
  EXPECT_NE(failure("}U\x01w" + name + "N\x85Rs"), "");
}

// ---- numpy

std::string dtype(const std::string& type, const std::string& order = "<") {
  return "cnumpy\ndtype\nU" + std::string(1, static_cast<char>(type.size())) + type + "\x89\x88\x87R(K\x03U\x01" +
         order + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"s;
}

std::string array(const std::string& type, const std::string& data, const std::string& shape,
                  const char* fortran = "\x89") {
  return "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
         "C\x01"
         "b\x87R(K\x01"s +
         shape + type + fortran + data + "tb";
}

std::string raw(const std::string& bytes) { return "C" + std::string(1, static_cast<char>(bytes.size())) + bytes; }

std::vector<std::byte> only(const std::string& pickle) {
  const auto reader = test::open_torch(archive(pickle));
  const TensorInfo& found = reader->index().tensors.at(0);
  std::vector<std::byte> bytes(tensor_bytes(found.dtype, found.shape));
  read_tensor(*reader, found, bytes);
  return bytes;
}

std::string read(const std::string& pickle) {
  const auto bytes = only(pickle);
  return std::string(as_text(bytes));
}

TEST(TorchPickle, ArraysAreReadWhereTheyLie) {
  EXPECT_EQ(read(array(dtype("i2"), raw("abcd"), "K\x02\x85")), "abcd");
  EXPECT_EQ(read(array(dtype("i2", ">"), raw("abcd"), "K\x02\x85")), "badc");
  EXPECT_EQ(read(array(dtype("u1"), raw("abcdef"), "K\x02K\x03\x86", "\x88")), "acebdf");
  EXPECT_EQ(read(array(dtype("u1"),
                       "U\x02\xff"
                       "b",
                       "K\x02\x85")),
            "\xff"
            "b");  // Python 2
  const std::string text =
      "c_codecs\nencode\nX\x03\x00\x00\x00\xc3\xbf"
      "bU\x06latin1\x86R"s;
  EXPECT_EQ(read(array(dtype("u1"), text, "K\x02\x85")),
            "\xff"
            "b");
  EXPECT_EQ(read(array(dtype("i2", ">"), text, "K\x01\x85")), "b\xff");
  EXPECT_EQ(read("cnumpy._core.numeric\n_frombuffer\n(\x96\x04\x00\x00\x00\x00\x00\x00\x00"
                 "abcd"s +
                 dtype("u1") +
                 "K\x02K\x02\x86U\x01"
                 "FtR"),
            "acbd");
}

TEST(TorchPickle, ArraysThatDoNotFitAreRefused) {
  EXPECT_NE(failure(array(dtype("i2"), raw("abcd"), "K\x03\x85")).find("needs 6"), std::string::npos);
  EXPECT_NE(failure(array(dtype("i2"), raw("abcd"), "J\xff\xff\xff\xff\x85")), "");
  EXPECT_NE(failure(array(dtype("i2"), "K\x01", "K\x02\x85")).find("not bytes"), std::string::npos);
  EXPECT_NE(failure(array(dtype("i2", "?"), raw("abcd"), "K\x02\x85")).find("byte order"), std::string::npos);
  EXPECT_NE(failure(array(dtype("O8"), "]", "K\x02\x85")).find("objects"), std::string::npos);
  EXPECT_NE(failure("}(U\x01w" + tensor() + "U\x01scnumpy.core.multiarray\nscalar\n" + dtype("O8") + "U\x01x\x86Ru")
                .find("object"),
            std::string::npos);
  EXPECT_NE(
      failure("}(U\x01w" + tensor() + "U\x01scnumpy.core.multiarray\nscalar\n" + dtype("f8") + raw("abcd") + "\x86Ru")
          .find("needs 8"),
      std::string::npos);
  const auto reader =
      test::open_torch(archive("}(U\x01w" + tensor() + "U\x01s" + array(dtype("U1"), raw("abcd"), "K\x01\x85") + "u"));
  ASSERT_EQ(reader->index().left_out.size(), 1u);
  EXPECT_EQ(reader->index().left_out[0].reason, "is a numpy array of the type U1, which is not read");
}

// ---- values of unknown names

std::unique_ptr<Reader> opaque(const std::string& pickle) { return test::open_opaque(archive(pickle)); }

TEST(TorchPickle, WhatDependsOnAnUnknownNameIsLeftOut) {
  const std::string evil = "cos\nsystem\n";
  const auto rebuild = [&](const std::string& storage, const std::string& offset, const std::string& size) {
    return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + "K\x01\x85\x89NtR";
  };
  const std::string unknown_class =
      "(U\x07storagecevil\nFloatStorage\nU\x01"
      "0U\x03"
      "cpuK\x03tQ";
  for (const std::string& one :
       {rebuild(unknown_class, "K\x00"s, "K\x03\x85"), rebuild(old_storage(), evil, "K\x03\x85"),
        rebuild(old_storage(), "K\x00"s, evil + ")R\x85"), rebuild(evil + ")R", "K\x00"s, "K\x03\x85"),
        evil + old_storage() + "\x85R", evil + "((" + old_storage() + "K\x00ttR"s,
        "ctorch._tensor\n_rebuild_from_type_v2\n(" + evil + "ctorch\nTensor\n)}tR",
        "ctorch.nn.parameter\nParameter\n" + evil + ")R\x85R"}) {
    const auto reader = opaque("}(U\x01w" + tensor() + "U\x01x" + one + "u");
    ASSERT_EQ(reader->index().left_out.size(), 1u) << one;
    EXPECT_EQ(reader->index().left_out[0].tensor, "x");
    EXPECT_NE(reader->index().left_out[0].reason.find("depends on"), std::string::npos);
    EXPECT_EQ(reader->index().tensors.size(), 1u);
  }
  // Neither hooks nor the class of a tensor change its elements.
  EXPECT_EQ(opaque("}U\x01wctorch._utils\n_rebuild_tensor_v2\n(" + old_storage() + "K\x00K\x03\x85K\x01\x85\x89"s +
                   evil + ")RtRs")
                ->index()
                .tensors.size(),
            1u);
}

// An object in a list of objects in ... that all have the same state: 2^40 names.
TEST(TorchPickle, SharedStatesAreNotSlow) {
  std::string pickle = tensor();
  for (int i = 0; i < 40; ++i) {
    const std::string slot = std::string(1, static_cast<char>(i));
    pickle += "q" + slot +
              "0cm\nC\n)\x81}(U\x01"
              "ah" +
              slot +
              "U\x01"
              "bh" +
              slot + "ub";
  }
  const test::Stopwatch watch;
  EXPECT_THROW(opaque(pickle), Error);
  EXPECT_LT(watch.seconds(), 2);
}

TEST(TorchPickle, ObjectsThatKnowEachOtherAreListedOnce) {
  const auto reader = opaque("cm\nC\n)\x81q\x00}(U\x01wq\x01"s + tensor() +
                             "U\x02me](h\x00"
                             "eU\x04peercm\nD\n)\x81}(U\x01uh\x00U\x01v"s +
                             tensor() + "ubub"s);
  std::vector<std::string> all;
  for (const auto& [name, digest] : test::digests(*reader)) all.push_back(name);
  EXPECT_EQ(all, (Names{"w", "peer/v"}));
}

TEST(TorchPickle, KeysThatAreObjectsHaveNoName) {
  const auto reader = opaque("}(ctorch\nfloat32\n" + tensor() + "U\x01w" + tensor() + "u");
  ASSERT_EQ(reader->index().left_out.size(), 1u);
  EXPECT_NE(reader->index().left_out[0].reason.find("key"), std::string::npos);
}

}  // namespace
}  // namespace transload
