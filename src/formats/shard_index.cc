#include "formats/shard_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/text.h"
#include "transload/error.h"
#include "wire/json.h"

namespace transload {
namespace {

constexpr std::array<std::string_view, 4> kExtensions{".safetensors", ".bin", ".pt", ".pth"};
constexpr std::string_view kSuffix = ".index.json";

// Empty for one plain component of a path on any system.
std::string_view name_problem(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return "names no file";
  if (name.find('\0') != name.npos) return "contains a NUL";
  if (name.find_first_of("/\\") != name.npos) return "leads out of the folder of the index";
  if (name.size() > 1 && name[1] == ':') return "names a drive";
  return {};
}

class ShardIndexEvents final : public wire::JsonEvents {
 public:
  explicit ShardIndexEvents(ShardIndex& index) : index_(index) {}

  void begin(bool object) override {
    ++depth_;
    if (depth_ == 1 && !object) fail("is not a JSON object");
    if (depth_ == 2 && part_ == Part::weight_map && !object) fail("weight_map is not an object");
    if (depth_ == 3 && part_ == Part::weight_map) not_a_file();
  }
  void end() override { --depth_; }
  void key(std::string text) override {
    if (depth_ == 1) {
      part_ = text == "weight_map" ? Part::weight_map : text == "metadata" ? Part::metadata : Part::other;
      found_ = found_ || part_ == Part::weight_map;
    } else if (depth_ == 2) {
      key_ = std::move(text);
    }
  }
  void scalar(wire::Json value) override {
    if (depth_ == 0) fail("is not a JSON object");
    if (depth_ == 1 && part_ == Part::weight_map) fail("weight_map is not an object");
    if (depth_ != 2) return;
    if (part_ == Part::metadata && key_ == "total_size" && value.is_number_unsigned()) {
      index_.total_size = value.get<std::uint64_t>();
    } else if (part_ == Part::weight_map) {
      if (!value.is_string()) not_a_file();
      add(std::move(value.get_ref<std::string&>()));
    }
  }
  void finish() const {
    if (!found_) fail("has no weight_map");
    if (index_.weight_map.empty()) fail("its weight_map is empty");
  }

 private:
  enum class Part : std::uint8_t { other, metadata, weight_map };

  [[noreturn]] static void fail(std::string_view message, std::string tensor = {}) {
    throw Error(Errc::corrupt, message, {.file = {}, .offset = {}, .tensor = std::move(tensor)});
  }
  [[noreturn]] void not_a_file() const { fail("weight_map gives something other than a file name", key_); }

  void add(std::string shard) {
    if (const std::string_view problem = name_problem(shard); !problem.empty()) {
      fail(fmt::format("the shard name '{}' {}", shortened(shard), problem), key_);
    }
    index_.weight_map.push_back({std::move(key_), std::move(shard)});
  }

  ShardIndex& index_;
  std::string key_;
  Part part_ = Part::other;
  int depth_ = 0;
  bool found_ = false;
};

}  // namespace

ShardIndex parse_shard_index(std::string_view json, const std::string& file) {
  ShardIndex index;
  ShardIndexEvents events(index);
  wire::read_json(json, file, 0, events);
  try {
    events.finish();
  } catch (Error& error) {
    error.in({.file = file, .offset = {}, .tensor = {}});
    throw;
  }
  return index;
}

std::string_view shard_extension(const ShardIndex& index, std::string_view index_name, const std::string& file) {
  const auto extension = [](std::string_view name) {
    const auto found = std::ranges::find_if(kExtensions, [&](std::string_view e) { return name.ends_with(e); });
    return found == kExtensions.end() ? std::string_view() : *found;
  };
  std::string_view expected;
  if (index_name.ends_with(kSuffix)) expected = extension(index_name.substr(0, index_name.size() - kSuffix.size()));
  for (const ShardIndex::Placed& placed : index.weight_map) {
    const std::string_view found = extension(placed.shard);
    if (expected.empty()) expected = found;
    if (found.empty() || found != expected) {
      throw Error(Errc::corrupt,
                  fmt::format("names the shard '{}', which is no {} file", shortened(placed.shard),
                              expected.empty() ? "weights" : expected),
                  {.file = file, .offset = {}, .tensor = placed.tensor});
    }
  }
  return expected;
}

}  // namespace transload
