// Model architectures as data: which tensors a model has, and what each framework's dialect calls them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transload/format.h"
#include "transload/plan.h"

namespace transload {

// A model's configuration, independent of any dialect's spelling: the mapping file's own key -> JSON text of its value
// ("H" -> "768", "activation" -> "\"gelu\"").
using ModelConfig = std::map<std::string, std::string>;

// The outcome of binding: every tensor of a source is claimed by a row, or dropped by a rule.
struct Binding {
  struct Claim {
    std::size_t tensor = 0;  // in the source's index
    std::string parameter;   // the mapping's own name: "layer.3.query.weight"
  };
  std::string family, dialect, root;
  std::string prefix;              // stripped from every name: "module."
  std::string container;           // of a nested checkpoint: "state_dict"
  ModelConfig config;              // all that is known, sizes included
  std::vector<std::string> parts;  // present: "embeddings", "layer", "pooler", "head.mlm"
  std::vector<Claim> claims;
  std::vector<Drop> drops;
  std::vector<Equal> equals;
  std::vector<std::string> notes;
};

struct BindOptions {
  std::string dialect;                     // empty: the one that fits
  std::optional<std::string> config_json;  // any dialect's configuration file, told by its keys
  std::string config_name;                 // where it came from, for messages
  std::vector<std::string> drop;           // globs over stored names
  bool drop_unknown = false;               // tensors that no row and no rule knows are dropped, not refused
};

// A compiled family file. Making one checks it: unique names, invertible layouts, every row present, tied or defaulted
// in every dialect. Immutable, cheap to copy, thread-safe.
class Mapping {
 public:
  static Mapping parse(std::string_view family_toml, std::string_view dialects_toml, std::string_view file_name);
  static const Mapping& builtin(std::string_view family);  // Errc::usage when there is none

  const std::string& family() const noexcept;
  std::span<const std::string> dialects() const noexcept;
  // Share of the index's tensors that `dialect` names, 0 to 1.
  double fit(const Index& index, std::string_view dialect) const;
  // Errc::unmapped or Errc::mismatch with all problems at once.
  Binding bind(const Index& index, const BindOptions& options) const;
  // Slots in the canonical order of `to_dialect`. `only_parts`: leave the other parts out, each tensor as a Drop with
  // the reason; empty: all. `with_ties`: tied tensors under each of their names, for formats that keep ties; otherwise
  // under one. Errc::unmapped when a part has no names in that dialect.
  Plan plan(const Reader& source, std::string_view path, const Binding& binding, std::string_view to_dialect,
            std::span<const std::string> only_parts = {}, bool with_ties = false) const;
  // The configuration file of a dialect, in its own keys, order and layout; `base`: the source's own file, whose
  // other keys are kept when it is of the same dialect. Errc::unmapped naming what is not known.
  std::string config_file(const Binding& binding, std::string_view dialect, DType dtype,
                          const std::optional<std::string>& base) const;

 private:
  struct Rep;
  explicit Mapping(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const Rep> rep_;
};

std::span<const std::string_view> builtin_families() noexcept;

struct DetectOptions {
  std::string family, dialect;             // known already; empty: not
  std::string to_dialect;                  // only families that have this dialect too; empty: all
  std::optional<std::string> config_json;  // of any dialect: what names alone do not tell, it may
};

struct Detected {
  std::string family, dialect;         // empty: unknown
  std::vector<std::string> undecided;  // families that have these names all alike; `family` is empty then
  std::string note;                    // what decided, where the names did not
};

// Which family and dialect a checkpoint is of: by its names; between families with the same names by what the
// configuration says, then by the sizes of published models, then by a key that the configuration lacks.
Detected detect(const Index& index, const DetectOptions& options = {});

}  // namespace transload
