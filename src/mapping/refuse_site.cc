#include "mapping/refuse_site.h"

#include <fmt/format.h>

#include <string>

#include "core/text.h"
#include "transload/error.h"

namespace transload::mapping {

void refuse_odd_place(const Family& family, const Dialect& dialect, const Site& site) {
  throw Error(Errc::unmapped,
              fmt::format("holds no state_dict at the top or under {}; a {} lies under '{}'",
                          fmt::join(dialect.containers, ", "), family.name, escaped(site.container)),
              {}, fmt::format("if that is the one you want: transload convert --key '{}'", escaped(site.container)));
}

void refuse_two(const Site& a, const Site& b) {
  const bool containers = a.container != b.container;
  const auto place = [&](const Site& site) {
    return containers ? site.container.empty() ? std::string("the top") : "'" + escaped(site.container) + "'"
                      : "'" + escaped(site.prefix + site.root) + "'";
  };
  throw Error(Errc::unmapped, fmt::format("holds two models: one under {}, one under {}", place(a), place(b)), {},
              containers ? "choose one with --key NAME" : "leave one out with --drop 'PREFIX**'");
}

}  // namespace transload::mapping
