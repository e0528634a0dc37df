#include "wire/json.h"

#include <fmt/format.h>

#include <cmath>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/text.h"
#include "transload/error.h"

namespace transload::wire {
namespace {

constexpr std::size_t kMaxDepth = 64;

// Builds the value and refuses what the library's own builder lets pass.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    return std::isfinite(value) ? add(value)
                                : refuse(fmt::format("the number {} is out of range", shortened(text, 40)));
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) return refuse(fmt::format("key \"{}\" occurs twice", shortened(name)));
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    position_ = position;
    if (problem_.empty()) {
      const std::string_view what = e.what();
      const std::size_t text = what.find(": ", what.find("parse error"));
      problem_ = fmt::format("not valid JSON: {}", shortened(what.substr(text == what.npos ? 0 : text + 2), 200));
    }
    return false;
  }

  Json take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }
  std::size_t position() const { return position_; }

 private:
  struct Level {
    Json value;
    std::unordered_set<std::string> keys;
    std::string key;  // of the member that is being read
  };

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool add(Json value) {
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
    return true;
  }
  bool open(Json value) {
    if (open_.size() >= kMaxDepth) return refuse(fmt::format("nested deeper than {}", kMaxDepth));
    open_.push_back({std::move(value), {}, {}});
    return true;
  }
  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  Json root_;
  std::vector<Level> open_;
  std::string problem_;
  std::size_t position_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& file, std::uint64_t base) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    throw Error(Errc::corrupt, "JSON must not begin with a byte-order mark",
                {.file = file, .offset = base, .tensor = {}});
  }
  Builder builder;
  if (!Json::sax_parse(text, &builder)) {
    Where where{.file = file, .offset = {}, .tensor = {}};
    if (builder.position() > 0) where.offset = base + builder.position() - 1;
    throw Error(Errc::corrupt, builder.problem().empty() ? "not valid JSON" : builder.problem(), where);
  }
  return builder.take();
}

}  // namespace transload::wire
