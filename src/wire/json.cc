#include "wire/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/text.h"
#include "transload/error.h"

namespace transload::wire {
namespace {

constexpr std::size_t kMaxDepth = 64;

// Walks over the text for the library's parser and remembers how far it came.
class Position {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Position(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Position& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  bool operator==(const Position& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// The keys of one object. Few are compared one by one, many are hashed.
class Keys {
 public:
  bool insert(const std::string& key) {
    if (few_.size() < kFew) {
      if (std::ranges::find(few_, key) != few_.end()) return false;
      few_.push_back(key);
      return true;
    }
    if (many_.empty()) many_.insert(few_.begin(), few_.end());
    return many_.insert(key).second;
  }
  void clear() {
    few_.clear();
    // A set that was large once would be slow to clear again and again: each time all of its buckets are visited.
    if (!many_.empty()) many_ = {};
  }

 private:
  static constexpr std::size_t kFew = 8;
  std::vector<std::string> few_;
  std::unordered_set<std::string> many_;
};

// Passes on what the library's parser finds, and refuses what it lets pass.
class Strict final : public nlohmann::json_sax<Json> {
 public:
  explicit Strict(JsonEvents& events) : events_(events), keys_(kMaxDepth) {}

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(number_integer_t value) override { return scalar(value); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!std::isfinite(value)) fail(fmt::format("the number {} is out of range", shortened(text, 40)));
    return scalar(value);
  }
  bool string(string_t& value) override { return scalar(std::move(value)); }
  bool binary(binary_t&) override { fail("binary data"); }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!keys_[depth_ - 1].insert(name)) fail(fmt::format("key '{}' occurs twice", shortened(name)));
    events_.key(std::move(name));
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    const std::string_view what = e.what();
    const std::size_t text = what.find(": ", what.find("parse error"));
    fail(fmt::format("not valid JSON: {}", shortened(what.substr(text == what.npos ? 0 : text + 2), 200)));
  }

 private:
  [[noreturn]] static void fail(std::string_view problem) { throw Error(Errc::corrupt, problem); }

  bool scalar(Json value) {
    events_.scalar(std::move(value));
    return true;
  }
  bool open(bool object) {
    if (depth_ == kMaxDepth) fail(fmt::format("nested deeper than {}", kMaxDepth));
    keys_[depth_++].clear();
    events_.begin(object);
    return true;
  }
  bool close() {
    --depth_;
    events_.end();
    return true;
  }

  JsonEvents& events_;
  std::vector<Keys> keys_;  // one per open object or array
  std::size_t depth_ = 0;
};

class Builder final : public JsonEvents {
 public:
  void begin(bool object) override { open_.push_back({object ? Json::object() : Json::array(), {}}); }
  void end() override {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    scalar(std::move(value));
  }
  void key(std::string name) override { open_.back().key = std::move(name); }
  void scalar(Json value) override {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = open_.back(); level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else {
      // The key is known to be new: append without ordered_json's search for it, which would make large objects slow.
      auto& object = level.value.get_ref<Json::object_t&>();
      static_cast<std::vector<std::pair<const std::string, Json>>&>(object).emplace_back(std::move(level.key),
                                                                                         std::move(value));
    }
  }
  Json take() { return std::move(root_); }

 private:
  struct Level {
    Json value;
    std::string key;  // of the member that is being read
  };
  Json root_;
  std::vector<Level> open_;
};

}  // namespace

void read_json(std::string_view text, const std::string& file, std::uint64_t base, JsonEvents& events) {
  const char* reached = text.data();
  try {
    // The library would skip it.
    if (text.starts_with("\xEF\xBB\xBF")) throw Error(Errc::corrupt, "JSON must not begin with a byte-order mark");
    Strict strict(events);
    const char* end = text.data() + text.size();
    Json::sax_parse(Position(text.data(), &reached), Position(end, &reached), &strict);
  } catch (Error& e) {
    // The parser looks one character ahead at most: the last one read is the end of what is wrong.
    const auto read = static_cast<std::uint64_t>(reached - text.data());
    e.in({.file = file, .offset = base + (read == 0 ? 0 : read - 1), .tensor = {}});
    throw;
  }
}

Json parse_json(std::string_view text, const std::string& file, std::uint64_t base) {
  Builder builder;
  read_json(text, file, base, builder);
  return builder.take();
}

}  // namespace transload::wire
