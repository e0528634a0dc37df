#include <fmt/format.h>

#include <array>

#include "forward/dialects.h"
#include "transload/error.h"

namespace transload {
namespace forward {
namespace {

struct Row {
  std::string_view family, dialect;
  std::unique_ptr<Graph> (*make)(const Model& model);
};

constexpr std::array<Row, 7> kGraphs{{
    {"bert", "hf", hf_bert_graph},
    {"bert", "tf1", google_graph},
    {"bert", "gluon", gluon_graph},
    {"bort", "hf", hf_bert_graph},
    {"bort", "gluon", gluon_graph},
    {"roberta", "hf", hf_roberta_graph},
    {"roberta", "gluon", gluon_graph},
}};

const Row* find(std::string_view family, std::string_view dialect) noexcept {
  for (const Row& row : kGraphs) {
    if (row.family == family && row.dialect == dialect) return &row;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Graph> make_graph(const Model& model) {
  const Row* row = find(model.family, model.dialect);
  if (row == nullptr) {
    throw Error(Errc::unsupported,
                fmt::format("there is no forward graph for {} in the dialect {}", model.family, model.dialect),
                {.file = model.display, .offset = {}, .tensor = {}});
  }
  if (model.weights == nullptr) throw Error(Errc::usage, "a model without weights cannot run");
  return row->make(model);
}

}  // namespace forward

bool can_run(std::string_view family, std::string_view dialect) noexcept {
  return forward::find(family, dialect) != nullptr;
}

}  // namespace transload
