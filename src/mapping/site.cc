#include "mapping/site.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/text.h"

namespace transload::mapping {
namespace {

struct Lead {
  std::size_t names = 0;
  std::set<std::size_t> rows;
};

// What stands before the body's names, each with how often. Only cuts after a separator count, and only those whose
// rest is short enough to be a name: time is linear in the names.
std::map<std::string, Lead, std::less<>> find_leads(const Dialect& dialect, const std::vector<std::string>& names,
                                                    const std::vector<bool>& skip) {
  std::map<std::string, Lead, std::less<>> leads;
  for (std::size_t t = 0; t < names.size(); ++t) {
    if (skip[t]) continue;
    const std::string_view name = names[t];
    const std::size_t longest = dialect.rooted.longest();
    for (std::size_t cut = name.size() > longest ? name.size() - longest : 0; cut < name.size(); ++cut) {
      if (cut > 0 && name[cut - 1] != '.' && name[cut - 1] != '/') continue;
      if (const auto match = dialect.rooted.find(name.substr(cut))) {
        Lead& lead = leads[std::string(name.substr(0, cut))];
        ++lead.names;
        lead.rows.insert(match->id);
        break;
      }
    }
  }
  return leads;
}

// Removes known wrappers from the front until none is left.
std::string_view without_wrappers(const Dialect& dialect, std::string_view prefix) {
  for (bool again = true; again;) {
    again = false;
    for (const std::string& wrapper : dialect.wrappers) {
      if (!wrapper.empty() && prefix.starts_with(wrapper)) {
        prefix.remove_prefix(wrapper.size());
        again = true;
      }
    }
  }
  return prefix;
}

// A root speaks for the family whatever stands before it. Without one, only known wrappers may: another family's
// name ("roberta.") in front of the same names is another model.
std::optional<Site> split_lead(const Dialect& dialect, std::string_view lead) {
  const std::string* root = nullptr;
  for (const std::string& each : dialect.roots) {
    if (lead.ends_with(each) && (root == nullptr || each.size() > root->size())) root = &each;
  }
  if (root == nullptr) return std::nullopt;
  lead.remove_suffix(root->size());
  Site site;
  site.root = *root;
  const std::size_t slash = dialect.separator == '/' ? lead.npos : lead.rfind('/');
  if (slash != lead.npos) {
    site.container = lead.substr(0, slash);
    lead.remove_prefix(slash + 1);
  }
  site.prefix = lead;
  if (root->empty() && !without_wrappers(dialect, lead).empty()) return std::nullopt;
  return site;
}

}  // namespace

std::optional<std::string_view> Site::strip(std::string_view name) const {
  if (!container.empty()) {
    if (name.size() <= container.size() || !name.starts_with(container) || name[container.size()] != '/') {
      return std::nullopt;
    }
    name.remove_prefix(container.size() + 1);
  }
  if (!name.starts_with(prefix)) return std::nullopt;
  return name.substr(prefix.size());
}

std::vector<Site> find_sites(const Dialect& dialect, const std::vector<std::string>& names,
                             const std::vector<bool>& skip) {
  std::vector<Site> sites;
  for (const auto& [text, lead] : find_leads(dialect, names, skip)) {
    if (std::optional<Site> site = split_lead(dialect, text)) {
      site->names = lead.names;
      site->rows = lead.rows.size();
      sites.push_back(std::move(*site));
    }
  }
  std::stable_sort(sites.begin(), sites.end(), [](const Site& a, const Site& b) { return a.names > b.names; });
  return sites;
}

bool in_usual_place(const Dialect& dialect, const Site& site) {
  for (std::string_view rest = site.container; !rest.empty();) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (std::ranges::find(dialect.containers, rest.substr(0, end)) == dialect.containers.end()) return false;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return true;
}

std::set<std::size_t> required_rows(const Family& family, std::size_t dialect) {
  std::set<std::size_t> stored;
  for (const Parameter& parameter : family.parameters) {
    const Cell& cell = parameter.cells[dialect];
    if (family.parts[parameter.part].required && cell.kind == Cell::Kind::stored && !parameter.tie) {
      stored.insert(cell.stored);
    }
  }
  return stored;
}

std::optional<NamedRow> row_of(const Dialect& dialect, const Site& site, std::string_view stripped) {
  if (stripped.starts_with(site.root)) {
    if (const auto match = dialect.rooted.find(stripped.substr(site.root.size()))) {
      return NamedRow{match->id, match->number};
    }
  }
  if (const auto match = dialect.free.find(stripped)) return NamedRow{match->id, match->number};
  return std::nullopt;
}

const DropRule* drop_rule(const Dialect& dialect, std::string_view stripped) {
  for (const DropRule& rule : dialect.drops) {
    if (glob_matches(rule.glob, stripped)) return &rule;
  }
  return nullptr;
}

}  // namespace transload::mapping
