#include "mapping/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "core/text.h"
#include "mapping/config.h"
#include "mapping/fixed.h"
#include "mapping/stored.h"
#include "transload/error.h"

namespace transload::mapping {
namespace {

class Planner {
 public:
  Planner(const Family& family, const Index& index, const Binding& binding, std::size_t from, std::size_t to,
          std::span<const std::string> only_parts, bool with_ties)
      : family_(family),
        index_(index),
        binding_(binding),
        from_(from),
        to_(to),
        only_parts_(only_parts),
        with_ties_(with_ties) {
    for (const Binding::Claim& claim : binding.claims) claims_.emplace(claim.parameter, claim.tensor);
    for (std::size_t p = 0; p < family.parameters.size(); ++p) names_.add(family.parameters[p].name, p);
    for (const ConfigKey& key : family.config) {
      const auto known = binding.config.find(key.name);
      if (key.check == ConfigKey::Check::size && known != binding.config.end()) {
        dims_.set(key.name[0], std::stoll(known->second), "the binding");
      }
    }
    root_ = written_root();
    dtype_ = binding.claims.empty() ? DType::f32 : index.tensors[binding.claims.front().tensor].dtype;
  }

  Plan make(std::string_view path) {
    plan_.sources.push_back({std::string(path), index_.format, digest(index_)});
    plan_.drops = binding_.drops;
    plan_.notes = binding_.notes;
    plan_.metadata = target().metadata;
    check_parts();
    refuse_what_is_fixed_otherwise(family_, binding_, from_, to_);
    check_untied();
    for (const Run& run : target().order) {
      if (!run.repeated) {
        add_run(run, -1);
        continue;
      }
      const std::int64_t layers = dims_.at(family_.layers) ? dims_.at(family_.layers)->value : 0;
      for (std::int64_t layer = 0; layer < layers; ++layer) add_run(run, layer);
    }
    account();
    add_notices();
    return std::move(plan_);
  }

 private:
  const Dialect& source() const { return family_.dialects[from_]; }
  const Dialect& target() const { return family_.dialects[to_]; }

  bool has(const Part& part) const {
    return std::find(binding_.parts.begin(), binding_.parts.end(), part.name) != binding_.parts.end();
  }
  // "layer" stands for "layer.cross_attention" too.
  bool asked_for(const Part& part) const {
    return only_parts_.empty() || std::any_of(only_parts_.begin(), only_parts_.end(), [&](const std::string& name) {
             return part.name == name || part.name.starts_with(name + ".");
           });
  }
  bool wanted(const Part& part) const { return has(part) && asked_for(part); }

  void check_parts() const {
    std::vector<std::string> nameless;
    for (const Parameter& parameter : family_.parameters) {
      const Part& part = family_.parts[parameter.part];
      if (!wanted(part) || parameter.tie || parameter.cells[to_].kind != Cell::Kind::absent) continue;
      if (nameless.empty() || nameless.back() != part.name) nameless.push_back(part.name);
    }
    if (!nameless.empty()) {
      throw Error(
          Errc::unmapped,
          fmt::format("'{}' has no place in {} ({})", fmt::join(nameless, "', '"), target().name, target().title), {},
          "leave its tensors out with --drop 'GLOB'");
    }
  }

  // As the source stores it.
  std::string stored_name(const Parameter& parameter) const {
    const Cell& cell = parameter.cells[from_];
    return cell.kind == Cell::Kind::stored ? source().stored[cell.stored].name : parameter.name;
  }

  // Two tensors of their own, by the configuration, of which one is not stored: its values are nowhere, and where the
  // target needs them it would get those of the other.
  void check_untied() const {
    for (const Parameter& parameter : family_.parameters) {
      if (!parameter.tie || !untied(parameter) || !wanted(family_.parts[parameter.part])) continue;
      const Parameter& other = family_.parameters[*parameter.tie];
      const bool separate = parameter.cells[to_].kind == Cell::Kind::stored && !copied(parameter);
      const bool whole = claims_.contains(other.name) && (separate || claims_.contains(parameter.name));
      if (whole) continue;
      const bool lacks_other = !claims_.contains(other.name);
      throw Error(
          Errc::unmapped,
          fmt::format("\"{}\" is false, but '{}' is not there: it would get the values of '{}'",
                      source_spelling(*family_.config_key(parameter.tie_if), from_),
                      stored_name(lacks_other ? other : parameter), stored_name(lacks_other ? parameter : other)),
          {}, "if they share their values, give a configuration that says so with --config F");
    }
  }

  const std::size_t* claim(std::size_t parameter, std::int64_t layer) const {
    const auto found = claims_.find(with_number(family_.parameters[parameter].name, layer));
    return found == claims_.end() ? nullptr : &found->second;
  }

  // The parameter whose tensor holds the values of `parameter`: itself, what it is tied to, or what is tied to it.
  std::optional<std::size_t> holder(std::size_t parameter, std::int64_t layer) const {
    if (claim(parameter, layer) != nullptr) return parameter;
    const std::optional<std::size_t> tie = family_.parameters[parameter].tie;
    if (tie && claim(*tie, layer) != nullptr) return tie;
    for (std::size_t q = 0; q < family_.parameters.size(); ++q) {
      if (family_.parameters[q].tie == tie.value_or(parameter) && claim(q, layer) != nullptr) return q;
    }
    return std::nullopt;
  }

  // Tied values are written once, unless the configuration unties them, or the dialect or the format keeps both.
  bool writes(const Parameter& parameter, std::int64_t layer) const {
    if (!wanted(family_.parts[parameter.part]) || parameter.cells[to_].kind != Cell::Kind::stored) return false;
    if (!parameter.tie) return true;
    if (copied(parameter)) return true;
    if (with_ties_ && !untied(parameter)) return true;
    return untied(parameter) && claims_.contains(with_number(parameter.name, layer));
  }

  // By the configuration.
  bool untied(const Parameter& parameter) const {
    const auto tied = binding_.config.find(parameter.tie_if);
    return !parameter.tie_if.empty() && tied != binding_.config.end() && tied->second == "false";
  }

  bool wanted_part(const std::string& name) const {
    const std::optional<std::size_t> part = family_.part_index(name);
    return part && wanted(family_.parts[*part]);
  }

  // The name that is written where another than the usual one has its condition met; nullptr: the usual one.
  const Alias* alias(const Stored& stored) const {
    for (const Alias& each : stored.aliases) {
      const bool conditional = !each.with.empty() || !each.without.empty();
      if (conditional && (each.with.empty() || wanted_part(each.with)) &&
          (each.without.empty() || !wanted_part(each.without))) {
        return &each;
      }
    }
    return nullptr;
  }

  // What stands before the body's names: something where there are names beside the body, to tell them apart.
  std::string written_root() const {
    for (const Parameter& parameter : family_.parameters) {
      const Cell& cell = parameter.cells[to_];
      if (!wanted(family_.parts[parameter.part]) || cell.kind != Cell::Kind::stored || parameter.tie) continue;
      const Stored& stored = target().stored[cell.stored];
      const Alias* other = alias(stored);
      if (other != nullptr && !other->root.empty()) return other->root;
      if (!(other != nullptr ? other->rooted : stored.rooted)) return target().roots.front();
    }
    return target().roots.back();
  }

  std::string written_name(const Stored& stored, std::int64_t layer) const {
    const Alias* other = alias(stored);
    const bool rooted = other != nullptr ? other->rooted : stored.rooted;
    return (rooted ? root_ : "") + with_number(other != nullptr ? other->name : stored.name, layer);
  }

  void add_run(const Run& run, std::int64_t layer) {
    std::set<std::size_t> done;  // a joined tensor comes where its first member stands
    for (const std::size_t p : run.parameters) {
      const Parameter& parameter = family_.parameters[p];
      if (writes(parameter, layer) && done.insert(parameter.cells[to_].stored).second) {
        add_slot(target().stored[parameter.cells[to_].stored], layer);
      }
    }
  }

  void add_slot(const Stored& stored, std::int64_t layer) {
    Slot slot;
    slot.name = written_name(stored, layer);
    slot.shape = shape_of(family_, stored, dims_);
    slot.dtype = dtype_of(stored, slot.name, layer);
    if (from_ == to_ && stored.lead > 0 && stored.members.size() == 1 && holder(stored.members.front(), layer)) {
      slot.pieces.push_back(whole(stored.members.front(), layer, slot));  // what lies before row 0 stays what it is
      plan_.slots.push_back(std::move(slot));
      return;
    }
    if (stored.lead > 0) {
      const std::int64_t row = static_cast<std::int64_t>(element_count(slot.shape)) / slot.shape.front();
      slot.pieces.push_back(zeros(stored.lead * row, 0));
    }
    for (std::size_t member = 0; member < stored.members.size(); ++member) {
      slot.pieces.push_back(piece(stored, member, layer, slot));
    }
    plan_.slots.push_back(std::move(slot));
  }

  Piece whole(std::size_t parameter, std::int64_t layer, const Slot& slot) {
    const std::size_t held = *holder(parameter, layer), tensor = *claim(held, layer);
    used_.insert({tensor, family_.parameters[held].cells[from_].member});
    Piece piece;
    piece.tensor = index_.tensors[tensor].name;
    piece.axes = {{static_cast<std::int64_t>(element_count(slot.shape)), 1, 1}};
    return piece;
  }

  static Piece zeros(std::int64_t count, std::int64_t offset) {
    Piece piece;
    piece.op = Op::zeros;
    if (count > 1) piece.axes = {{count, 0, 1}};
    piece.to_offset = offset;
    return piece;
  }

  DType dtype_of(const Stored& stored, const std::string& name, std::int64_t layer) const {
    std::optional<DType> dtype;
    for (const std::size_t member : stored.members) {
      const std::optional<std::size_t> held = holder(member, layer);
      if (!held) continue;
      const DType own = index_.tensors[*claim(*held, layer)].dtype;
      if (dtype.value_or(own) != own) {
        throw Error(Errc::mismatch,
                    fmt::format("is joined from a {} and a {}", transload::name(*dtype), transload::name(own)),
                    {.file = {}, .offset = {}, .tensor = name}, "--dtype f32 makes them equal");
      }
      dtype = own;
    }
    return dtype.value_or(dtype_);
  }

  Piece piece(const Stored& stored, std::size_t member, std::int64_t layer, const Slot& slot) {
    const std::size_t parameter = stored.members[member];
    const Placement to = placement_of(family_, stored, member, dims_);
    const std::optional<std::size_t> held = holder(parameter, layer);
    if (!held) {
      if (family_.parameters[parameter].cells[from_].kind != Cell::Kind::zeros || stored.join != 0) {
        throw Error(Errc::unmapped, "has no source", {.file = {}, .offset = {}, .tensor = slot.name});
      }
      plan_.notes.push_back(fmt::format("'{}' is zeros: {} has no such tensor", shortened(slot.name), source().title));
      return zeros(static_cast<std::int64_t>(element_count(slot.shape)) - to.offset, to.offset);
    }
    const Cell& cell = family_.parameters[*held].cells[from_];
    const Placement from = placement_of(family_, source().stored[cell.stored], cell.member, dims_);
    const std::size_t tensor = *claim(*held, layer);
    used_.insert({tensor, cell.member});
    Piece piece;
    piece.tensor = index_.tensors[tensor].name;
    if (const std::int64_t lead = source().stored[cell.stored].lead; lead > 0 && stored.lead == 0) {
      plan_.notes.push_back(
          fmt::format("the first {} rows of '{}' are left out: they stand before position 0, and {} has none there",
                      lead, shortened(piece.tensor), target().title));
    }
    piece.from_offset = from.offset;
    piece.to_offset = to.offset;
    try {
      piece.axes = copy_axes(from, to);
    } catch (const std::invalid_argument& e) {
      throw Error(Errc::mismatch, e.what(), {.file = {}, .offset = {}, .tensor = piece.tensor});
    }
    return piece;
  }

  // Every claim is used, tied to one that is, or dropped with its part.
  void account() {
    for (const Binding::Claim& claimed : binding_.claims) {
      const Parameter& parameter = parameter_named(claimed.parameter);
      const std::string& name = index_.tensors[claimed.tensor].name;
      const auto equal = std::find_if(binding_.equals.begin(), binding_.equals.end(),
                                      [&](const Equal& each) { return each.dropped == name; });
      if (used_.contains({claimed.tensor, parameter.cells[from_].member})) {
        if (equal != binding_.equals.end() && must_stay_equal(parameter)) plan_.equals.push_back(*equal);
        continue;
      }
      const Part& part = family_.parts[parameter.part];
      if (asked_for(part) && parameter.cells[to_].kind == Cell::Kind::zeros) {
        drop(name, fmt::format("must be zeros: {} has no such tensor", target().title));
        plan_.zeros.push_back(
            {0, name,
             fmt::format("{} has no such tensor, and adding it to another would be a computation that "
                         "rounds",
                         target().title)});
        continue;
      }
      if (!asked_for(part)) {
        drop(name, part.head ? fmt::format("head, kept by `transload convert --to {}`", target().name)
                             : fmt::format("part '{}', which was not asked for", part.name));
        continue;
      }
      if (equal == binding_.equals.end()) {
        throw Error(Errc::unmapped, fmt::format("has no place in {} ({})", target().name, target().title),
                    {.file = {}, .offset = {}, .tensor = name}, "leave it out with --drop 'GLOB'");
      }
      drop(name, fmt::format("tied to '{}', which is kept", shortened(equal->kept)));
      plan_.equals.push_back(*equal);
    }
  }

  // Both are written; but the target's framework shares the values, whatever the source's configuration says.
  bool must_stay_equal(const Parameter& parameter) const {
    return copied(parameter) || (with_ties_ && !untied(parameter));
  }
  bool copied(const Parameter& parameter) const {
    return parameter.tie && std::ranges::find(parameter.tied_copy, target().name) != parameter.tied_copy.end();
  }

  const Parameter& parameter_named(const std::string& name) const {
    if (const auto match = names_.find(name)) return family_.parameters[match->id];
    throw Error(Errc::usage, fmt::format("'{}' is no parameter of {}", shortened(name), family_.name));
  }

  void drop(const std::string& tensor, std::string reason) {
    if (dropped_.insert(tensor).second) plan_.drops.push_back({0, tensor, std::move(reason)});
  }

  void add_notices() {
    for (const Notice& notice : family_.notices) {
      if (notice.from != source().name || notice.to != target().name) continue;
      if (notice.part && !wanted(family_.parts[*notice.part])) continue;
      const bool applies = std::all_of(notice.config.begin(), notice.config.end(), [&](const auto& each) {
        const auto known = binding_.config.find(each.first);
        return known != binding_.config.end() && known->second == each.second;
      });
      if (applies) plan_.notes.push_back(notice.text);
    }
    for (const Part& part : family_.parts) {
      if (!has(part) && !part.absent.empty()) plan_.notes.push_back(part.absent);
    }
    add_class_note();
    for (const ConfigKey& key : family_.config) {
      const ConfigCell& cell = key.cells[to_];
      const auto known = binding_.config.find(key.name);
      if (!cell.fixed || known == binding_.config.end() || known->second == *cell.fixed) continue;
      plan_.notes.push_back(fmt::format("{} {} cannot be kept: {} fixes {}", source_spelling(key, from_), known->second,
                                        target().title, *cell.fixed));
    }
  }

  // Where the dialect's configuration names a class: which, if the tensors leave a choice.
  void add_class_note() {
    if (family_.config_files[to_].classes.empty() || !only_parts_.empty()) return;
    const ChosenClass chosen = choose_class(family_, binding_, known_classes(binding_));
    if (!chosen.note.empty()) plan_.notes.push_back(chosen.note);
  }

  const Family& family_;
  const Index& index_;
  const Binding& binding_;
  std::size_t from_, to_;
  std::span<const std::string> only_parts_;
  bool with_ties_;
  std::unordered_map<std::string, std::size_t> claims_;  // parameter -> tensor
  Dims dims_;
  std::string root_;
  DType dtype_ = DType::f32;
  Plan plan_;
  std::set<std::pair<std::size_t, std::size_t>> used_;  // tensor, member
  std::set<std::string> dropped_;
  NameTable names_;  // -> parameter
};

std::size_t dialect_of(const Family& family, std::string_view name) {
  if (const auto dialect = family.dialect_index(name)) return *dialect;
  throw Error(Errc::usage, fmt::format("family '{}' has no dialect '{}'; it has {}", family.name, shortened(name),
                                       fmt::join(family.dialect_names, ", ")));
}

}  // namespace

Plan plan(const Family& family, const Index& index, std::string_view path, const Binding& binding,
          std::string_view to_dialect, std::span<const std::string> only_parts, bool with_ties) {
  const std::size_t from = dialect_of(family, binding.dialect), to = dialect_of(family, to_dialect);
  return Planner(family, index, binding, from, to, only_parts, with_ties).make(path);
}

}  // namespace transload::mapping
