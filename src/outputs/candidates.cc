#include "outputs/candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace transload::outputs {
namespace {

using forward::Tensor;

// Row r of the result is row r + by of `table`; `cyclic`: within the rows [start, start + count), else NaN where there
// is none.
std::shared_ptr<Tensor> shifted(const Tensor& table, std::int64_t by, bool cyclic, std::int64_t start,
                                std::int64_t count) {
  auto result = std::make_shared<Tensor>(table);
  for (std::int64_t row = 0; row < table.rows; ++row) {
    std::int64_t from = row + by;
    if (cyclic && row >= start && row < start + count) from = start + (row - start + by + count) % count;
    const auto to = result->values.begin() + row * table.columns;
    if (from < 0 || from >= table.rows) {
      std::fill_n(to, table.columns, std::numeric_limits<double>::quiet_NaN());
    } else {
      std::copy_n(table.values.begin() + from * table.columns, table.columns, to);
    }
  }
  return result;
}

// Cyclic ones come first: where only some rows can be checked, the other kind would seem to fit, too.
void add_shifts(const Patient<forward::Embeddings>& patient, std::vector<Repair>& repairs) {
  Tensor& table = patient.second->positions;
  if (table.empty() || table.rows < 4) return;
  const std::int64_t start = patient.first_position_row;
  const std::int64_t count = std::min(patient.positions, table.rows - start);
  const auto add = [&](std::int64_t by, bool cyclic, std::int64_t from, std::int64_t rows) {
    auto fixed = shifted(table, by, cyclic, from, rows);
    repairs.push_back({fmt::format("the position embeddings are shifted {}by {:+} {}", cyclic ? "cyclically " : "", by,
                                   by == 1 || by == -1 ? "row" : "rows"),
                       {{&table, fixed.get()}},
                       {fixed},
                       {},
                       !cyclic});
  };
  for (const std::int64_t by : {1, -1, 2, -2}) {
    add(by, true, start, count);
    if (count != table.rows) add(by, true, 0, table.rows);
  }
  for (const std::int64_t by : {1, -1, 2, -2}) add(by, false, 0, 0);
}

bool row_equals(const Tensor& a, std::int64_t row, const Tensor& b, std::int64_t other) {
  return std::equal(a.values.begin() + row * a.columns, a.values.begin() + (row + 1) * a.columns,
                    b.values.begin() + other * b.columns);
}

// What the second's rows of token types are, by what the first's are.
std::string describe_types(const Tensor& first, const Tensor& second) {
  if (second.empty()) return "the token-type embeddings are missing, and the first model's are not zeros";
  const bool zeros = std::ranges::all_of(second.values, [](double value) { return value == 0; });
  if (zeros) return "the token-type embeddings are zeros";
  if (first.empty()) return "the token-type row is not zeros, and the first model has no token types (left random?)";
  bool all_exchanged = second.rows == 2 && first.rows == 2;
  std::string rows;
  for (std::int64_t row = 0; row < std::min(first.rows, second.rows); ++row) {
    if (row_equals(second, row, first, row)) {
      all_exchanged = false;
      continue;
    }
    std::string holds = "holds other values (left random?)";
    bool another = false;
    for (std::int64_t other = 0; other < first.rows && !another; ++other) {
      another = row_equals(second, row, first, other);
      if (another) holds = fmt::format("is row {} of the first model", other);
    }
    all_exchanged = all_exchanged && another;
    rows += fmt::format("{}token-type row {} {}", rows.empty() ? "" : ", ", row, holds);
  }
  return all_exchanged ? "the token-type rows have changed places" : rows;
}

// Zeros where the first has no token types, else the first's own table.
void add_types(const Patient<forward::Embeddings>& patient, std::vector<Repair>& repairs) {
  const Tensor &first = patient.first->types, &second = patient.second->types;
  if (first.empty() && second.empty()) return;
  if (!first.empty() && !second.empty() && first.values == second.values) return;
  std::shared_ptr<Tensor> fixed;
  if (!first.empty()) {
    fixed = std::make_shared<Tensor>(first);
  } else {
    fixed = std::make_shared<Tensor>(second);
    std::ranges::fill(fixed->values, 0.0);
  }
  repairs.push_back({describe_types(first, second), {{&patient.second->types, fixed.get()}}, {fixed}, {}});
}

}  // namespace

std::vector<Repair> candidates(const Patient<forward::Embeddings>& patient) {
  std::vector<Repair> repairs;
  add_shifts(patient, repairs);
  add_types(patient, repairs);
  add_scale_for_shift(modules(*patient.second)[3], repairs);
  add_epsilons(patient.of_first, patient.of_second, &Settings::epsilon, repairs);
  return repairs;
}

std::vector<Repair> candidates(const Patient<forward::Layer>& patient) {
  std::vector<Repair> repairs;
  const std::vector<Module> all = modules(*patient.second);
  const std::vector<Module> linears(all.begin(), all.begin() + 6), attention(all.begin(), all.begin() + 3);
  add_transposes(linears, repairs);
  for (const auto& [i, j] : {std::pair<std::size_t, std::size_t>{0, 1}, {4, 5}}) {
    if (!is_square(*linears[i].first) || !is_square(*linears[j].first)) continue;
    repairs.push_back({fmt::format("the weights of {} and {} are transposed", linears[i].name, linears[j].name),
                       {{linears[i].first, nullptr}, {linears[j].first, nullptr}},
                       {},
                       {}});
  }
  for (std::size_t i = 0; i < linears.size(); ++i) {
    for (std::size_t j = i + 1; j < linears.size(); ++j) add_exchange(linears[i], linears[j], repairs);
  }
  const std::array<std::string_view, 3> names{"query", "key", "value"};
  for (const std::vector<std::size_t>& order : {std::vector<std::size_t>{1, 2, 0}, std::vector<std::size_t>{2, 0, 1}}) {
    std::array<std::string_view, 3> found;  // what stands where query, key and value belong
    for (std::size_t i = 0; i < order.size(); ++i) found[order[i]] = names[i];
    add_permutation(attention, order,
                    fmt::format("{}, {} and {} stand where query, key and value belong", found[0], found[1], found[2]),
                    repairs);
  }
  add_exchange(all[6], all[7], repairs);
  add_scale_for_shift(all[6], repairs);
  add_scale_for_shift(all[7], repairs);
  add_activations(patient.of_first, patient.of_second, &Settings::activation, repairs);
  add_epsilons(patient.of_first, patient.of_second, &Settings::epsilon, repairs);
  add_heads(patient.of_first, patient.of_second, repairs);
  return repairs;
}

std::vector<Repair> candidates(const Patient<forward::Pooler>& patient) {
  std::vector<Repair> repairs;
  add_transposes(modules(*patient.second), repairs);
  return repairs;
}

std::vector<Repair> candidates(const Patient<forward::MaskedLm>& patient) {
  std::vector<Repair> repairs;
  const std::vector<Module> all = modules(*patient.second);
  add_transposes(all, repairs);
  add_scale_for_shift(all[1], repairs);
  add_activations(patient.of_first, patient.of_second, &Settings::head_activation, repairs);
  add_epsilons(patient.of_first, patient.of_second, &Settings::head_epsilon, repairs);
  return repairs;
}

std::vector<Repair> candidates(const Patient<forward::Classifier>& patient) {
  std::vector<Repair> repairs;
  add_transposes(modules(*patient.second), repairs);
  // The labels in reverse: "is next" for "is not", the start of a span for its end.
  forward::Linear& output = patient.second->output;
  if (output.weight.rows < 2) return repairs;
  const auto reversed = [](const Tensor& tensor, std::int64_t rows) {
    auto result = std::make_shared<Tensor>(tensor);
    if (tensor.empty()) return result;
    const auto width = static_cast<std::int64_t>(tensor.values.size()) / rows;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(tensor.values.begin() + row * width, width, result->values.begin() + (rows - 1 - row) * width);
    }
    return result;
  };
  const auto weight = reversed(output.weight, output.weight.rows), bias = reversed(output.bias, output.weight.rows);
  const Step weights{&output.weight, weight.get()}, biases{&output.bias, bias.get()};
  const std::string what = "the labels stand in reverse order";
  repairs.push_back({what, {weights, biases}, {weight, bias}, {}});
  repairs.push_back({what + " (weights only)", {weights}, {weight}, {}});
  repairs.push_back({what + " (biases only)", {biases}, {bias}, {}});
  return repairs;
}

std::vector<Repair> exchanges(const std::vector<Module>& modules, const std::vector<Module>& others) {
  std::vector<Repair> repairs;
  for (const Module& module : modules) {
    for (const Module& other : others) {
      if (module.norm == other.norm && module.second != nullptr && other.second != nullptr) {
        add_exchange(module, other, repairs);
      }
    }
  }
  return repairs;
}

}  // namespace transload::outputs
