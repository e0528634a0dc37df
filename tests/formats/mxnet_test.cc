// MXNet's files: the real ones against what the real framework reads from them, and broken ones.
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "formats/digest.h"
#include "formats/mxnet/mxnet.h"
#include "support/errors.h"
#include "support/expected.h"
#include "support/files.h"
#include "support/memory_store.h"
#include "support/plans.h"
#include "transload/plan.h"
#include "wire/write.h"

namespace transload::testing {
namespace {

using nlohmann::json;

std::unique_ptr<Reader> open_bytes(std::string_view bytes) {
  return mxnet::mxnet_format().open(std::make_shared<MemoryStore>("x.params", bytes), "x.params", {});
}

std::map<std::string, std::string> digests(const Reader& reader) {
  std::map<std::string, std::string> all;
  for (const TensorInfo& tensor : reader.index().tensors) all[tensor.name] = tensor_digest(reader, tensor);
  return all;
}

std::string sha256(std::string_view bytes) {
  Sha256 sha;
  sha.add(as_bytes(bytes));
  return sha.hex();
}

bool noted(const Index& index, std::string_view text) {
  return std::ranges::any_of(index.notes, [&](const std::string& note) { return note.find(text) != note.npos; });
}

// The folders below golden/mxnet that hold a list of arrays, and the file in each.
std::vector<std::pair<std::string, std::string>> lists() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& folder : fs::directory_iterator(golden("mxnet"))) {
    for (const auto& file : fs::directory_iterator(folder.path())) {
      const std::string name = file.path().filename().string();
      if (name.ends_with(".params")) all.emplace_back(folder.path().filename().string(), name);
    }
  }
  std::ranges::sort(all);
  return all;
}

json expected(const std::string& folder) { return json::parse(read_file(golden("mxnet") / folder / "expected.json")); }

TEST(MxNet, ReadsWhatTheFrameworksWrote) {
  ASSERT_GE(lists().size(), 30u);
  for (const auto& [folder, file] : lists()) {
    SCOPED_TRACE(folder);
    const json wanted = expected(folder);
    const auto reader = open_bytes(read_file(golden("mxnet") / folder / file));
    const Index& index = reader->index();
    ASSERT_EQ(index.tensors.size(), wanted["arrays"].size());
    for (std::size_t i = 0; i < index.tensors.size(); ++i) {
      const json& array = wanted["arrays"][i];
      std::string name = array["name"];
      if (name.starts_with("arg:") || name.starts_with("aux:")) name.erase(0, 4);
      const TensorInfo& tensor = index.tensors[i];
      EXPECT_EQ(tensor.name, name);
      EXPECT_EQ(transload::name(tensor.dtype), array["dtype"]);
      EXPECT_EQ(tensor.shape, array["shape"].get<Shape>());
      const bool sparse = array["stype"] != "default";
      EXPECT_EQ(tensor_digest(*reader, tensor), array[sparse ? "dense_sha256" : "sha256"]) << name;
      if (!sparse) {
        EXPECT_EQ(index.storages[tensor.chunks[0].storage].at.offset, array["data_offset"]);
      }
    }
    EXPECT_TRUE(index.left_out.empty());
  }
}

TEST(MxNet, WritesTheBytesOfTheFramework) {
  std::size_t compared = 0;
  for (const auto& [folder, file] : lists()) {
    SCOPED_TRACE(folder);
    const json wanted = expected(folder);
    const bool version2 = std::ranges::all_of(wanted["arrays"], [](const json& array) {
      return array["version"] == 2 && array["stype"] == "default" && array["ctx"] == json{1, 0} &&
             !array["name"].get<std::string>().starts_with("arg:") &&  // prefixes are not written again
             !array["name"].get<std::string>().starts_with("aux:");
    });
    if (!version2 || (wanted["arrays"].size() != 0 && !wanted["named"])) continue;
    const std::string bytes = read_file(golden("mxnet") / folder / file);
    const auto reader = open_bytes(bytes);
    const auto written = written_files(mxnet::mxnet_format(), slots_of(*reader), *reader, "y.params");
    EXPECT_EQ(written.at("y.params"), bytes);
    ++compared;
  }
  EXPECT_GE(compared, 8u);
}

// The framework writes a tensor of a list without names the same, and only the names are ours.
TEST(MxNet, ConvertsOldVersionsToVersion2) {
  for (const std::string old : {"bort_tiny_v0_handmade", "bort_tiny_v1_handmade"}) {
    const auto reader = open_bytes(read_file(golden("mxnet") / old / "bort.params"));
    const auto written = written_files(mxnet::mxnet_format(), slots_of(*reader), *reader, "y.params");
    EXPECT_EQ(digests(*open_bytes(written.at("y.params"))), digests(*reader));
    EXPECT_EQ(sha256(written.at("y.params")), expected("bort_tiny_fp32")["file_sha256"]) << old;
  }
}

TEST(MxNet, HostileFilesComeToTheirRequiredEnd) {
  std::size_t refused = 0, loaded = 0;
  for (const ExpectedRow& row : expected_rows("mxnet")) {
    const auto error = error_of([&] { digests(*open_bytes(read_file(hostile("mxnet") / row.file))); });
    if (row.must_load() || row.outcome.starts_with("load")) {
      EXPECT_FALSE(error) << row.file << ": " << error->what();
      ++loaded;
    } else {
      EXPECT_TRUE(error) << row.file << ": " << row.attack;
      if (error) {
        EXPECT_FALSE(error->where().file.empty()) << error->what();
      }
      ++refused;
    }
  }
  EXPECT_GE(refused, 35u);
  EXPECT_GE(loaded, 8u);
}

TEST(MxNet, EveryTruncationIsRefusedAndEveryAddition) {
  for (const std::string folder : {"fmt_dtypes_mx150", "fmt_sparse_mx150", "fmt_v3_mx150", "fmt_dtypes_mx0100"}) {
    const std::string whole = read_file(golden("mxnet") / folder / "t.params");
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_TRUE(refuses([&] { open_bytes(std::string_view(whole).substr(0, size)); }, Errc::corrupt)) << size;
    }
    EXPECT_TRUE(refuses([&] { open_bytes(whole + '\0'); }, Errc::corrupt, "1 bytes follow the end")) << folder;
  }
}

// Pieces of files, for what no framework writes.
std::string head(std::uint64_t count, std::uint64_t reserved = 0) {
  std::string out;
  for (const std::uint64_t word : {std::uint64_t{0x112}, reserved, count}) wire::append_u64(out, word);
  return out;
}
std::string names(const std::vector<std::string>& all) {
  std::string out;
  wire::append_u64(out, all.size());
  for (const std::string& name : all) {
    wire::append_u64(out, name.size());
    out += name;
  }
  return out;
}
std::string shape(const Shape& sizes) {
  std::string out;
  wire::append_integer(out, static_cast<std::int32_t>(sizes.size()));
  for (const std::int64_t size : sizes) wire::append_integer(out, size);
  return out;
}
std::string words(std::initializer_list<std::int32_t> values) {
  std::string out;
  for (const std::int32_t value : values) wire::append_integer(out, value);
  return out;
}
std::string numbers(const std::vector<std::int64_t>& values) {
  std::string out;
  for (const std::int64_t value : values) wire::append_integer(out, value);
  return out;
}
constexpr auto kV2 = static_cast<std::int32_t>(0xF993FAC9);

std::string bytes_array(std::string_view values) {
  return words({kV2, 0}) + shape({static_cast<std::int64_t>(values.size())}) + words({1, 0, 3}) + std::string(values);
}
// Rows of u8.
std::string row_sparse(const Shape& dense, const std::vector<std::int64_t>& rows, const Shape& stored,
                       std::string_view values) {
  return words({kV2, 1}) + shape(stored) + shape(dense) + words({1, 0, 3, 6}) +
         shape({static_cast<std::int64_t>(rows.size())}) + std::string(values) + numbers(rows);
}
std::string csr(const Shape& dense, const std::vector<std::int64_t>& starts, const std::vector<std::int64_t>& columns,
                std::string_view values) {
  return words({kV2, 2}) + shape({static_cast<std::int64_t>(values.size())}) + shape(dense) + words({1, 0, 3, 6}) +
         shape({static_cast<std::int64_t>(starts.size())}) + words({6}) +
         shape({static_cast<std::int64_t>(columns.size())}) + std::string(values) + numbers(starts) + numbers(columns);
}
std::string list_of(const std::string& array) { return head(1) + array + names({"w"}); }

std::string values_of(const std::string& file) {
  const auto reader = open_bytes(file);
  const TensorInfo& tensor = reader->index().tensors.at(0);
  std::string out(tensor_bytes(tensor.dtype, tensor.shape), '\xEE');
  read_tensor(*reader, tensor, std::as_writable_bytes(std::span(out)));
  return out;
}

TEST(MxNet, SparseRowsInAnyOrder) {
  const std::string file = list_of(row_sparse({5, 2}, {3, 0, 4}, {3, 2}, "ddaaee"));
  EXPECT_EQ(values_of(file), std::string("aa\0\0\0\0ddee", 10));
  const auto reader = open_bytes(file);
  EXPECT_TRUE(noted(reader->index(), "'w' is stored as row_sparse"));
  // In pieces that begin and end within rows.
  const std::uint32_t id = reader->index().tensors[0].chunks[0].storage;
  for (std::uint64_t from = 0; from <= 10; ++from) {
    for (std::uint64_t to = from; to <= 10; ++to) {
      std::string part(to - from, '\xEE');
      reader->read(id, from, std::as_writable_bytes(std::span(part)));
      EXPECT_EQ(part, std::string("aa\0\0\0\0ddee", 10).substr(from, to - from));
    }
  }
  EXPECT_TRUE(refuses([&] { reader->read(id, 11, {}); }, Errc::usage));
}

TEST(MxNet, SparseRowsThatLie) {
  const auto opening = [](const std::string& array) { return [=] { open_bytes(list_of(array)); }; };
  EXPECT_TRUE(refuses(opening(row_sparse({5, 2}, {3, 5}, {2, 2}, "aabb")), Errc::corrupt, "row index 5 lies outside"));
  EXPECT_TRUE(refuses(opening(row_sparse({5, 2}, {-1, 2}, {2, 2}, "aabb")), Errc::corrupt, "row index -1"));
  EXPECT_TRUE(refuses(opening(row_sparse({5, 2}, {3, 3}, {2, 2}, "aabb")), Errc::corrupt, "row 3 is stored twice"));
  EXPECT_TRUE(refuses(opening(row_sparse({5, 2}, {3}, {2, 2}, "aabb")), Errc::corrupt, "1 stored rows of 2 values"));
  EXPECT_TRUE(refuses(opening(row_sparse({5, 2}, {3, 1}, {2, 3}, "aaabbb")), Errc::corrupt, "stored values of shape"));
  EXPECT_TRUE(refuses(opening(row_sparse({5, 2}, {3}, {2}, "aa")), Errc::corrupt, "stored values of shape"));
  EXPECT_TRUE(refuses(opening(row_sparse({std::int64_t{1} << 40, 2}, {3}, {1, 2}, "aa")), Errc::unsupported,
                      "more than 200 times"));
  EXPECT_TRUE(refuses(opening(row_sparse({std::int64_t{1} << 62, 4}, {}, {0, 4}, "")), Errc::corrupt));
}

TEST(MxNet, CsrMatrices) {
  EXPECT_EQ(values_of(list_of(csr({2, 3}, {0, 2, 3}, {2, 0, 1}, "cad"))), std::string("a\0c\0d\0", 6));
  EXPECT_EQ(values_of(list_of(csr({2, 3}, {}, {}, ""))), std::string(6, '\0'));
  EXPECT_TRUE(noted(open_bytes(list_of(csr({2, 3}, {}, {}, "")))->index(), "'w' is stored as csr"));
  const auto reading = [](const std::string& array) { return [=] { values_of(list_of(array)); }; };
  EXPECT_TRUE(refuses(reading(csr({2, 3}, {0, 1, 1}, {3}, "a")), Errc::corrupt, "column 3 of row 0 lies outside"));
  EXPECT_TRUE(refuses(reading(csr({2, 3}, {0, 1, 1}, {-1}, "a")), Errc::corrupt, "column -1"));
  EXPECT_TRUE(
      refuses(reading(csr({2, 3}, {0, 2, 2}, {1, 1}, "ab")), Errc::corrupt, "column 1 of row 0 is stored twice"));
  EXPECT_TRUE(refuses(reading(csr({2, 3}, {0, 2}, {1, 2}, "ab")), Errc::corrupt, "2 row starts for 2 rows"));
  EXPECT_TRUE(refuses(reading(csr({2, 3}, {1, 2, 2}, {1, 2}, "ab")), Errc::corrupt, "does not begin at value 0"));
  EXPECT_TRUE(refuses(reading(csr({2, 3}, {0, 9, 2}, {1, 2}, "ab")), Errc::corrupt, "run backwards"));
  EXPECT_TRUE(refuses(reading(csr({2, 3}, {0, 1, 1}, {1, 2}, "ab")), Errc::corrupt, "end at value 1 of 2"));
  EXPECT_TRUE(refuses(reading(csr({2, 3}, {0, 1, 1}, {1}, "ab")), Errc::corrupt, "2 values with 1 columns"));
  EXPECT_TRUE(refuses(reading(csr({6}, {0, 1}, {1}, "a")), Errc::corrupt, "two dimensions"));
}

TEST(MxNet, ArraysWithoutAValueAreLeftOut) {
  const auto reader = open_bytes(head(2) + words({kV2, 0, 0}) + bytes_array("ab") + names({"none", "w"}));
  ASSERT_EQ(reader->index().left_out.size(), 1u);
  EXPECT_EQ(reader->index().left_out[0].tensor, "none");
  EXPECT_NE(reader->index().find("w"), nullptr);
}

// Four bytes each, of which we would make hundreds.
TEST(MxNet, MoreThanAMillionArraysAreRefused) {
  const std::string nothing(4'000'100, '\0');
  EXPECT_TRUE(refuses([&] { open_bytes(head(1'000'001) + nothing); }, Errc::unsupported, "a list of 1000001 arrays"));
}

// MXNet 1.5.0 reads such a file, and gives an array of this shape.
TEST(MxNet, AZeroDimensionInVersion2IsReadAsItIs) {
  const auto reader = open_bytes(list_of(words({kV2, 0}) + shape({0, 3}) + words({1, 0, 0})));
  EXPECT_EQ(reader->index().tensors.at(0).shape, (Shape{0, 3}));
}

TEST(MxNet, PrefixesAreCutAndNoted) {
  const auto reader = open_bytes(head(3) + bytes_array("a") + bytes_array("b") + bytes_array("c") +
                                 names({"arg:w", "aux:mean", "x:arg:y"}));
  EXPECT_NE(reader->index().find("w"), nullptr);
  EXPECT_NE(reader->index().find("mean"), nullptr);
  EXPECT_NE(reader->index().find("x:arg:y"), nullptr);
  EXPECT_TRUE(noted(reader->index(), "1 of 3 names began with `arg:` and 1 with `aux:`"));
  const auto clash = [](const std::string& a, const std::string& b) {
    return [=] { open_bytes(head(2) + bytes_array("a") + bytes_array("b") + names({a, b})); };
  };
  EXPECT_TRUE(refuses(clash("arg:w", "aux:w"), Errc::corrupt, "'arg:w' and 'aux:w' are one name"));
  EXPECT_TRUE(refuses(clash("w", "arg:w"), Errc::corrupt, "are one name"));
  EXPECT_TRUE(refuses(clash("w", "w"), Errc::corrupt, "'w' occurs twice"));
}

TEST(MxNet, NamesThatCannotBe) {
  const auto named = [](const std::string& name) {
    return [=] { open_bytes(head(1) + bytes_array("a") + names({name})); };
  };
  EXPECT_TRUE(refuses(named(std::string("a\0b", 3)), Errc::corrupt, "contains a NUL"));
  EXPECT_TRUE(refuses(named("\xFF"), Errc::corrupt, "not valid UTF-8"));
  EXPECT_TRUE(refuses(named(std::string(4097, 'a')), Errc::unsupported, "a tensor name of 4097 bytes"));
  EXPECT_FALSE(error_of(named(std::string(4096, 'a'))));
  EXPECT_FALSE(error_of(named("")));
}

TEST(MxNet, TheReservedWordIsNoted) {
  EXPECT_TRUE(noted(open_bytes(head(1, 7) + bytes_array("a") + names({}))->index(), "0x7, not 0"));
  EXPECT_TRUE(noted(open_bytes(head(1, 0) + bytes_array("a") + names({}))->index(), "no names"));
}

TEST(MxNet, AKeyIsAnError) {
  EXPECT_TRUE(refuses(
      [] {
        mxnet::mxnet_format().open(std::make_shared<MemoryStore>("x", list_of(bytes_array("a"))), "x", {.key = "k"});
      },
      Errc::usage, "no containers"));
}

TEST(MxNet, RefusesToWriteWhatVersion2CannotHold) {
  const auto writing = [](const Slot& slot) {
    return [=] {
      Plan plan;
      plan.slots = {slot, {.name = "fine", .dtype = DType::f32, .shape = {1}, .pieces = {}}};
      mxnet::mxnet_format().layout(plan, {.name = "y.params", .absolute_prefix = {}});
    };
  };
  EXPECT_TRUE(refuses(writing({"s", DType::f32, {}, {}}), Errc::unsupported, "'s': it is a scalar"));
  EXPECT_TRUE(refuses(writing({"z", DType::f32, {2, 0}, {}}), Errc::unsupported, "shape [2, 0] has no elements"));
  EXPECT_TRUE(refuses(writing({"c", DType::c64, {2}, {}}), Errc::unsupported, "there is no complex64"));
  EXPECT_TRUE(refuses(writing({"r", DType::u8, Shape(33, 1), {}}), Errc::unsupported, "more than 32 dimensions"));
  EXPECT_TRUE(refuses(writing({std::string("n\0", 2), DType::u8, {1}, {}}), Errc::unsupported, "contains a NUL"));
  EXPECT_TRUE(refuses(writing({"fine", DType::u8, {1}, {}}), Errc::usage, "two slots of this name"));
  EXPECT_FALSE(error_of(writing({"b", DType::bf16, {2, 3}, {}})));
}

}  // namespace
}  // namespace transload::testing
