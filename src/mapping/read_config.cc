#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "mapping/config.h"
#include "transload/error.h"
#include "wire/json.h"

namespace transload::mapping {
namespace {

using wire::Json;

constexpr std::int64_t kMaxSize = 2147483647;  // every framework counts them in 32 bits

bool has(const Json& config, const std::string& key) {
  const auto found = config.find(key);
  return found != config.end() && !found->is_null();
}

// A size without what the file has more.
Json less(const Json& value, std::int64_t plus) {
  if (plus == 0 || !value.is_number_integer() || value.get<std::int64_t>() <= plus) {
    return plus == 0 ? value : Json(0);
  }
  return Json(static_cast<std::uint64_t>(value.get<std::int64_t>() - plus));
}

// The dialect with the most of its keys in the file; between equals, the one that a mark tells.
std::optional<std::size_t> told_by_keys(const Family& family, const Json& config) {
  std::size_t best = 0, best_score = 0;
  for (std::size_t d = 0; d < family.dialects.size(); ++d) {
    std::size_t keys = 0;
    for (const ConfigKey& key : family.config)
      keys += !key.cells[d].key.empty() && has(config, key.cells[d].key) ? 1u : 0u;
    const std::vector<std::string>& marks = family.config_files[d].marks;
    const bool marked =
        std::any_of(marks.begin(), marks.end(), [&](const auto& mark) { return config.contains(mark); });
    const std::size_t score = keys == 0 && !marked ? 0 : 2 * keys + (marked == !marks.empty() ? 1 : 0);
    if (score > best_score) {
      best = d;
      best_score = score;
    }
  }
  return best_score == 0 ? std::nullopt : std::optional(best);
}

// Why `value` is none that the key can have; empty: it is one.
std::string objection(const ConfigKey& key, std::size_t dialect, const Json& value) {
  switch (key.check) {
    case ConfigKey::Check::size:
      if (value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 && value.get<std::uint64_t>() <= kMaxSize)
        return {};
      return fmt::format("must be an integer from 1 to {}", kMaxSize);
    case ConfigKey::Check::integer: return value.is_number_integer() ? "" : "must be an integer";
    case ConfigKey::Check::boolean: return value.is_boolean() ? "" : "must be true or false";
    case ConfigKey::Check::positive:
      return value.is_number() && value.get<double>() > 0 ? "" : "must be a number greater than 0";
    case ConfigKey::Check::probability:
      return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1 ? ""
                                                                                       : "must be a number from 0 to 1";
    case ConfigKey::Check::one_of:
      if (value.is_string() && std::find(key.values.begin(), key.values.end(), value) != key.values.end()) return {};
      return fmt::format("must be one of {}", fmt::join(spellings_of(key, dialect), ", "));
  }
  return {};
}

void check_identity(const ConfigFile& form, const Json& config, std::vector<std::string>& problems) {
  for (const auto& [key, text] : form.require) {
    if (!config.contains(key)) {
      problems.push_back(fmt::format("\"{}\" is missing; it must be \"{}\"", key, text));
    } else if (config[key] != Json(text)) {
      problems.push_back(fmt::format("\"{}\" is {}, not \"{}\"", key, shortened(config[key].dump(), 60), text));
    }
  }
  for (const auto& [key, reason] : form.refuse) {
    if (has(config, key)) problems.push_back(fmt::format("\"{}\": {}", key, reason));
  }
  for (const auto& [key, value] : form.expect) {
    if (config.contains(key) && config[key].dump() != value) {
      problems.push_back(fmt::format("\"{}\" is {}; only {} is known here: anything else computes another thing", key,
                                     shortened(config[key].dump(), 60), value));
    }
  }
  for (const auto& [key, other] : form.same) {
    if (has(config, key) && has(config, other) && config[key] != config[other]) {
      problems.push_back(fmt::format("\"{}\" is {} and \"{}\" is {}; models in which they differ are not known here",
                                     key, shortened(config[key].dump(), 60), other,
                                     shortened(config[other].dump(), 60)));
    }
  }
}

void read_classes(const ConfigFile& form, const Json& config, ReadConfig& read, std::vector<std::string>& problems) {
  if (form.classes.empty() || !has(config, form.classes)) return;
  const Json& classes = config[form.classes];
  for (const Json& each : classes.is_array() ? classes : Json::array({classes})) {
    if (!each.is_string()) {
      problems.push_back(fmt::format("\"{}\" must be a list of texts", form.classes));
      return;
    }
    read.classes.push_back(each.get<std::string>());
  }
}

void check_divisors(const Family& family, const ReadConfig& read, std::vector<std::string>& problems) {
  for (const ConfigKey& key : family.config) {
    const auto divisor = read.values.find(key.name), whole = read.values.find(key.divides);
    if (key.divides.empty() || divisor == read.values.end() || whole == read.values.end()) continue;
    if (std::stoll(whole->second) % std::stoll(divisor->second) != 0) {
      problems.push_back(fmt::format("\"{}\": {} does not divide \"{}\": {}", read.spelt.at(key.name), divisor->second,
                                     read.spelt.at(key.divides), whole->second));
    }
  }
}

}  // namespace

std::set<std::string> spellings_of(const ConfigKey& key, std::size_t dialect) {
  std::set<std::string> words;
  for (const auto& [value, word] : key.spellings[dialect]) words.insert(word);
  return words.empty() ? std::set<std::string>(key.values.begin(), key.values.end()) : words;
}

std::optional<Told> told_by(const Family& family, std::string_view json) {
  Json config;
  try {
    config = wire::parse_json(json, "the configuration");
  } catch (const Error&) {
    return Told{};  // said when it is read for good
  }
  if (!config.is_object()) return Told{};
  const std::optional<std::size_t> dialect = told_by_keys(family, config);
  if (!dialect) return Told{};
  const ConfigFile& form = family.config_files[*dialect];
  for (const auto& [key, text] : form.require) {
    if (has(config, key) && config[key] != Json(text)) return std::nullopt;
  }
  const bool told = std::ranges::all_of(form.told_with, [&](const auto& key) { return has(config, key); }) &&
                    std::ranges::none_of(form.told_without, [&](const auto& key) { return has(config, key); }) &&
                    std::ranges::all_of(form.told_values, [&](const auto& entry) {
                      return config.contains(entry.first) && config[entry.first].dump() == entry.second;
                    });
  if (!told) return Told{};
  const std::size_t present = form.told_with.size() + form.told_values.size();
  return Told{
      present + form.told_without.size() + 1,
      present == 0 && !form.told_without.empty() ? fmt::format("\"{}\"", fmt::join(form.told_without, "\", \"")) : ""};
}

ReadConfig read_config(const Family& family, std::string_view json, const std::string& file) {
  const Json config = wire::parse_json(json, file);
  const Where where{.file = file, .offset = {}, .tensor = {}};
  if (!config.is_object()) throw Error(Errc::mismatch, "a configuration must be a JSON object", where);

  ReadConfig read;
  read.file = file;
  const std::optional<std::size_t> dialect = told_by_keys(family, config);
  if (!dialect) {
    throw Error(Errc::mismatch, fmt::format("has none of the keys of a {} configuration", family.name), where);
  }
  read.dialect = *dialect;
  const ConfigFile& form = family.config_files[read.dialect];
  std::vector<std::string> problems;
  check_identity(form, config, problems);
  for (const ConfigKey& key : family.config) {
    const ConfigCell& cell = key.cells[read.dialect];
    if (cell.fixed) {
      read.values[key.name] = *cell.fixed;
    } else if (!cell.key.empty() && cell.null && config.contains(cell.key) && config[cell.key].is_null()) {
      read.values[key.name] = *cell.null;
      read.spelt[key.name] = cell.key;
    } else if (!cell.key.empty() && has(config, cell.key)) {
      const Json value = less(config[cell.key], cell.plus);
      if (const std::string objections = objection(key, read.dialect, value); !objections.empty()) {
        problems.push_back(fmt::format("\"{}\" is {}; it {}{}", cell.key, shortened(config[cell.key].dump(), 60),
                                       objections, cell.plus == 0 ? "" : fmt::format(", plus {}", cell.plus)));
        continue;
      }
      read.values[key.name] = value.dump();
      read.spelt[key.name] = cell.key;
    } else if (cell.preset) {
      read.values[key.name] = *cell.preset;
    }
  }
  read_classes(form, config, read, problems);
  if (problems.empty()) check_divisors(family, read, problems);
  if (!problems.empty()) {
    Error error(Errc::mismatch, problems.front(), where, "correct the file, or give another one with --config F");
    error.add({problems.begin() + 1, problems.end()});
    throw error;
  }
  return read;
}

}  // namespace transload::mapping
