// NumPy's files: the real ones against what NumPy and MXNet 2 read from them, and broken ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "formats/numpy/header.h"
#include "formats/numpy/numpy.h"
#include "support/errors.h"
#include "support/expected.h"
#include "support/files.h"
#include "support/memory_store.h"
#include "support/zip_builder.h"

namespace transload::testing {
namespace {

using nlohmann::json;

std::unique_ptr<Reader> open_named(const std::string& name, std::string_view bytes) {
  const Format& format = name.ends_with(".npy") ? numpy::npy_format() : numpy::npz_format();
  return format.open(std::make_shared<MemoryStore>(name, bytes), name, {});
}

void read_all(const Reader& reader) {
  for (const TensorInfo& tensor : reader.index().tensors) tensor_digest(reader, tensor);
}

TEST(NumPy, ReadsWhatNumPyReads) {
  const json files = json::parse(read_file(golden("numpy/expected.json")));
  ASSERT_GE(files.size(), 7u);
  for (const auto& [file, arrays] : files.items()) {
    SCOPED_TRACE(file);
    const auto reader = open_named(file, read_file(golden("numpy") / file));
    EXPECT_EQ(reader->index().tensors.size(), arrays.size());
    for (const auto& [name, array] : arrays.items()) {
      const TensorInfo* tensor = reader->index().find(name);
      ASSERT_NE(tensor, nullptr) << name;
      EXPECT_EQ(transload::name(tensor->dtype), array["dtype"]) << name;
      EXPECT_EQ(tensor->shape, array["shape"].get<Shape>()) << name;
      EXPECT_EQ(tensor_digest(*reader, *tensor), array["sha256"]) << name;
    }
  }
}

TEST(NumPy, LeavesOutWhatIsNoNumbers) {
  const auto reader = open_named("text.npz", read_file(golden("numpy/text.npz")));
  EXPECT_NE(reader->index().find("number"), nullptr);
  std::map<std::string, std::string> reasons;
  for (const LeftOut& left : reader->index().left_out) reasons[left.tensor] = left.reason;
  EXPECT_EQ(reasons.size(), 4u);
  EXPECT_EQ(reasons["words"], "holds text ('<U3')");
  EXPECT_EQ(reasons["raw"], "holds text ('|S1')");
  EXPECT_EQ(reasons["when"], "holds dates or times ('<M8[D]')");
  EXPECT_EQ(reasons["record"], "is a record array, of several fields ('[...]')");
}

TEST(NumPy, ReadsTheArchivesOfMxNet2) {
  const json wanted = json::parse(read_file(golden("mxnet/npz_mx200b1/expected.json")));
  const auto reader = open_named("t.npz", read_file(golden("mxnet/npz_mx200b1/t.npz")));
  const auto& tensors = reader->index().tensors;
  ASSERT_EQ(tensors.size(), wanted["entries"].size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const json& entry = wanted["entries"][i];
    EXPECT_EQ(tensors[i].name + ".npy", entry["entry"]);
    EXPECT_EQ(tensor_digest(*reader, tensors[i]), entry["payload_sha256"]) << tensors[i].name;
    const numpy::Header header = numpy::parse_header(entry["header"].get<std::string>(), "x", 0);
    EXPECT_EQ(tensors[i].shape, header.shape) << tensors[i].name;
    const std::string_view called = tensors[i].name;  // x.float32, but for three
    EXPECT_EQ(transload::name(tensors[i].dtype), called.starts_with("x.") ? called.substr(2) : "float32") << called;
  }
  const auto single = open_named("t.npy", read_file(golden("mxnet/npy_mx200b1/t.npy")));
  const json one = json::parse(read_file(golden("mxnet/npy_mx200b1/expected.json")));
  EXPECT_EQ(single->index().tensors.at(0).name, "0");
  EXPECT_EQ(tensor_digest(*single, single->index().tensors.at(0)), one["sha256"]);
}

TEST(NumPy, SparseArraysOfMxNet2AreReadAsDenseOnes) {
  const json wanted = json::parse(read_file(golden("mxnet/npz_sparse_mx200b1/expected.json")));
  const auto reader = open_named("t.params", read_file(golden("mxnet/npz_sparse_mx200b1/t.npz")));
  ASSERT_EQ(reader->index().tensors.size(), wanted["arrays"].size());
  for (std::size_t i = 0; i < wanted["arrays"].size(); ++i) {
    const json& array = wanted["arrays"][i];
    std::string name = array["name"];
    if (name.starts_with("a") && name[3] == ':') name.erase(0, 4);
    const TensorInfo& tensor = reader->index().tensors[i];
    EXPECT_EQ(tensor.name, name);
    EXPECT_EQ(transload::name(tensor.dtype), array["dtype"]) << name;
    EXPECT_EQ(tensor.shape, array["shape"].get<Shape>()) << name;
    EXPECT_EQ(tensor_digest(*reader, tensor), array["dense_sha256"]) << name;
  }
  EXPECT_EQ(reader->index().notes.size(), 3u);  // prefixes, row_sparse, csr
}

std::string npy(std::string_view descr, const std::string& shape, std::string_view content) {
  std::string out("\x93NUMPY\x01\x00", 8);
  const std::string header =
      "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (" + shape + "), }\n";
  test::put(out, header.size(), 2);
  return out + header + std::string(content);
}

// A row_sparse array 's' in which nothing is stored, of the dense shape `sizes`, whose values have the shape `stored`.
std::vector<test::ZipPart> nothing_stored(const std::vector<std::uint64_t>& sizes, const std::string& stored) {
  std::string list;
  for (const std::uint64_t size : sizes) test::put(list, size, 8);
  return {{.name = "s/data.npy", .content = npy("<f4", stored, "")},
          {.name = "s/indices.npy", .content = npy("<i8", "0,", "")},
          {.name = "s/shape.npy", .content = npy("<i8", std::to_string(sizes.size()) + ",", list)},
          {.name = "s/format.npy", .content = npy("|S10", "", "row_sparse")}};
}

TEST(NumPy, SparseArraysOfImpossibleShapesAreRefusedByName) {
  const auto opening = [](const std::vector<test::ZipPart>& parts) {
    return [=] { open_named("x.npz", test::build_zip(parts)); };
  };
  EXPECT_FALSE(error_of(opening(nothing_stored({3, 2}, "0, 2"))));
  const auto overflow = error_of(opening(nothing_stored({0, std::uint64_t{1} << 62, 8}, "0, 4611686018427387904, 8")));
  ASSERT_TRUE(overflow);
  EXPECT_EQ(overflow->where().tensor, "s");
  EXPECT_TRUE(overflow->where().file.starts_with("x.npz")) << overflow->what();
  EXPECT_TRUE(refuses(opening(nothing_stored(std::vector<std::uint64_t>(65, 1), "0,")), Errc::corrupt,
                      "65 dimensions; at most 64"));
  auto twice = nothing_stored({3, 2}, "0, 2");
  twice.push_back({.name = "s.npy", .content = npy("<f4", "0,", "")});
  EXPECT_TRUE(refuses(opening(twice), Errc::corrupt, "tensor 's': two arrays have this name"));
  twice = nothing_stored({3, 2}, "0, 2");
  twice[2].content = npy("<i4", "2,", std::string(8, '\1'));
  EXPECT_TRUE(refuses(opening(twice), Errc::unsupported, "no list of int64"));
}

TEST(NumPy, AnEntryThatIsNoArrayIsOnlyNoted) {
  const auto reader = open_named("x.npz", test::build_zip({{.name = "w.npy", .content = npy("|u1", "2,", "ab")},
                                                           {.name = "README.txt", .content = "text"}}));
  EXPECT_EQ(reader->index().tensors.size(), 1u);
  EXPECT_TRUE(reader->index().left_out.empty());
  ASSERT_EQ(reader->index().notes.size(), 1u);
  EXPECT_EQ(reader->index().notes[0], "the entry 'README.txt' is no array: its name does not end in .npy.");
}

TEST(NumPy, EveryTruncationOfASparseArchiveIsRefused) {
  const std::string whole = read_file(golden("mxnet/npz_sparse_mx200b1/t.npz"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_TRUE(refuses([&] { read_all(*open_named("x", std::string_view(whole).substr(0, size))); }, Errc::corrupt));
  }
}

TEST(NumPy, FlippedBitsOfASparseArchiveGiveAnErrorOrAReader) {
  const std::string whole = read_file(golden("mxnet/npz_sparse_mx200b1/t.npz"));
  std::map<std::string, std::string> right;
  const auto reader = open_named("x", whole);
  for (const TensorInfo& tensor : reader->index().tensors) right[tensor.name] = tensor_digest(*reader, tensor);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    const auto check = [&] {
      const auto other = open_named("x", bytes);
      for (const TensorInfo& tensor : other->index().tensors) {
        EXPECT_EQ(tensor_digest(*other, tensor), right[tensor.name]) << tensor.name << ", bit of byte " << at;
      }
      EXPECT_EQ(other->index().tensors.size() + other->index().left_out.size(), right.size()) << "bit of byte " << at;
    };
    refused += error_of(check) ? 1 : 0;
  }
  EXPECT_GT(refused, whole.size() / 2);
}

TEST(NumPy, HostileFilesComeToTheirRequiredEnd) {
  std::size_t refused = 0, loaded = 0;
  for (const ExpectedRow& row : expected_rows("numpy")) {
    const auto error = error_of([&] { read_all(*open_named(row.file, read_file(hostile("numpy") / row.file))); });
    EXPECT_EQ(!error, row.must_load()) << row.file << ": " << row.attack;
    (error ? refused : loaded) += 1;
  }
  EXPECT_EQ(refused, 13u);
  EXPECT_EQ(loaded, 1u);
}

// zeros.npz is 1000 times smaller than its content, and read by ReadsWhatNumPyReads.
TEST(NumPy, ZerosThatDeflateAThousandfoldAreReadUpToABound) {
  std::string bytes = read_file(golden("numpy/zeros.npz"));
  const std::string declared("\x80\x00\x40\x00", 4);  // 4 MiB and the header
  EXPECT_LT(bytes.size(), (4u << 20) / 500);
  EXPECT_FALSE(error_of([&] { read_all(*open_named("x.npz", bytes)); }));
  std::size_t changed = 0;
  for (std::size_t at = 0; (at = bytes.find(declared, at)) != bytes.npos; ++changed) bytes[at + 3] = '\x11';
  EXPECT_EQ(changed, 2u);  // the local header and the directory
  EXPECT_TRUE(refuses([&] { open_named("x.npz", bytes); }, Errc::unsupported, "more than 200 times its own size"));
}

TEST(NumPy, EveryTruncationIsRefused) {
  for (const std::string file : {"deflated.npz", "shapes.npz", "fortran.npy", "big.npy"}) {
    const std::string whole = read_file(golden("numpy") / file);
    const std::size_t step = std::max<std::size_t>(1, whole.size() / 2000);
    for (std::size_t size = 0; size < whole.size(); size += step) {
      EXPECT_TRUE(refuses([&] { read_all(*open_named(file, std::string_view(whole).substr(0, size))); }, Errc::corrupt))
          << file << " cut to " << size;
    }
  }
}

TEST(NumPy, BytesAfterAnArrayAreRefused) {
  const std::string whole = read_file(golden("numpy/big.npy"));
  EXPECT_TRUE(refuses([&] { open_named("x.npy", whole + '\0'); }, Errc::corrupt, "but 21 follow the header"));
}

TEST(NumPy, FlippedBytesOfAnArchiveAreFound) {
  const std::string whole = read_file(golden("numpy/shapes.npz"));
  // The first value of the first entry: its checksum covers it.
  std::string bytes = whole;
  bytes[30 + 10 + 20 + 128] ^= 1;
  EXPECT_TRUE(refuses([&] { read_all(*open_named("x.npz", bytes)); }, Errc::corrupt));
}

TEST(NumPyHeader, WhatNumPyWritesAndWrote) {
  const auto parsed = [](std::string_view text) { return numpy::parse_header(text, "x", 0); };
  const numpy::Header plain = parsed("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }          \n");
  EXPECT_EQ(plain.descr, "<f4");
  EXPECT_FALSE(plain.fortran_order);
  EXPECT_EQ(plain.shape, (Shape{3, 4}));
  EXPECT_EQ(parsed("{'shape': (3L,), 'fortran_order': True, 'descr': \"|u1\"}").shape, Shape{3});
  EXPECT_TRUE(parsed("{'shape': (), 'fortran_order': True, 'descr': '|u1'}").shape.empty());
  EXPECT_EQ(parsed("{'descr': [('bfloat16', '<u2')], 'fortran_order': False, 'shape': (2,)}").descr, "bfloat16");
  EXPECT_EQ(parsed("{'descr': [('a', '<u2'), (']', [('b', '<f4')])], 'fortran_order': False, 'shape': (2,)}").descr,
            "[...]");
}

TEST(NumPyHeader, NothingElse) {
  const auto parsing = [](std::string_view text) { return [=] { numpy::parse_header(text, "x", 0); }; };
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "no Python dict"},
      {"[1]", "no Python dict"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", "a number in brackets"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}", "no plain number"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (03,)}", "leading zeros"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", "overflows 63 bits"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': [3]}", "no tuple"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}", "neither True nor False"},
      {"{'descr': 4, 'fortran_order': False, 'shape': (3,)}", "neither a string nor a list"},
      {"{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (3,)}", "an escape"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} + 1", "something follows"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)", "neither ',' nor '}'"},
      {"{'descr': '<f4', 'fortran_order': False}", "has no 'shape'"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "occurs twice"},
      {"{'descr': [[[[", "without its end"},
      {"{'descr", "without its end"},
      {"{descr: 1}", "a key that is no string"},
  };
  for (const auto& [text, message] : cases) EXPECT_TRUE(refuses(parsing(text), Errc::corrupt, message)) << text;
  std::string many = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 65; ++i) many += "1,";
  EXPECT_TRUE(refuses(parsing(many + ")}"), Errc::corrupt, "more than 64 dimensions"));
}

}  // namespace
}  // namespace transload::testing
