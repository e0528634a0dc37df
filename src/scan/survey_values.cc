#include "scan/survey_values.h"

#include <algorithm>
#include <limits>

namespace transload::scanning {
namespace {

constexpr std::size_t kMostValues = std::size_t{1} << 20;  // of the stack, and of kept items
constexpr std::size_t kMostSlots = std::size_t{2} << 20;   // of the memo
constexpr std::size_t kMostItems = 8;                      // of a tuple whose items are kept
constexpr std::size_t kMostMarks = std::size_t{1} << 20;

}  // namespace

bool is_container(SymbolKind kind) noexcept {
  return kind == SymbolKind::list || kind == SymbolKind::dict || kind == SymbolKind::set;
}

bool takes_items(SymbolKind kind) noexcept {
  return kind != SymbolKind::none && kind != SymbolKind::boolean && kind != SymbolKind::integer &&
         kind != SymbolKind::number && kind != SymbolKind::tuple && kind != SymbolKind::text;
}

bool may_be_text(const Symbol& symbol) noexcept {
  return symbol.kind == SymbolKind::text || symbol.kind == SymbolKind::instance || symbol.kind == SymbolKind::unknown ||
         symbol.kind == SymbolKind::persistent || symbol.kind == SymbolKind::name;
}

std::int64_t product(std::span<const Symbol> numbers) noexcept {
  std::int64_t all = 1;
  for (const Symbol& number : numbers) {
    if (number.kind != SymbolKind::integer) continue;
    const std::int64_t times = std::max<std::int64_t>(1, static_cast<std::int64_t>(number.a));
    if (__builtin_mul_overflow(all, times, &all)) return std::numeric_limits<std::int64_t>::max();
  }
  return all;
}

bool SymbolStack::push(const Symbol& symbol) {
  const bool fits = values_.size() < kMostValues;
  if (!fits) {
    constexpr std::size_t kForgotten = kMostValues / 2;
    values_.erase(values_.begin(), values_.begin() + kForgotten);
    for (std::size_t& mark : marks_) mark -= std::min(mark, kForgotten);
  }
  values_.push_back(symbol);
  return fits;
}

bool SymbolStack::pop(Symbol& symbol) {
  if (values_.size() <= fence()) return false;
  symbol = values_.back();
  values_.pop_back();
  return true;
}

Symbol* SymbolStack::top() { return values_.size() <= fence() ? nullptr : &values_.back(); }

bool SymbolStack::mark() {
  const bool fits = marks_.size() < kMostMarks;
  if (!fits) marks_.erase(marks_.begin(), marks_.begin() + kMostMarks / 2);
  marks_.push_back(values_.size());
  return fits;
}

bool SymbolStack::pop_opcode() {
  if (values_.size() > fence()) {
    values_.pop_back();
    return true;
  }
  if (marks_.empty()) return false;
  marks_.pop_back();
  return true;
}

bool SymbolStack::drop_to_mark() {
  if (marks_.empty()) return false;
  values_.resize(marks_.back());
  marks_.pop_back();
  return true;
}

bool SymbolStack::to_mark(std::vector<Symbol>& items) {
  if (marks_.empty()) return false;
  items.assign(values_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), values_.end());
  return drop_to_mark();
}

Symbol* SymbolStack::below_mark(std::span<Symbol>& items) {
  if (marks_.empty() || marks_.back() == 0) return nullptr;
  // The value below this mark must lie above the one before.
  if (marks_.size() > 1 && marks_[marks_.size() - 2] >= marks_.back()) return nullptr;
  items = std::span(values_).subspan(marks_.back());
  return &values_[marks_.back() - 1];
}

bool SymbolStack::put(std::uint64_t slot) {
  const Symbol* value = top();
  if (value == nullptr || memo_size() >= kMostSlots) return false;
  if (slot < dense_.size()) {
    dense_[slot] = *value;
  } else if (slot == dense_.size()) {
    dense_.push_back(*value);
    sparse_.erase(slot);  // where it was filled out of turn before
  } else {
    sparse_[slot] = *value;
  }
  return true;
}

bool SymbolStack::get(std::uint64_t slot, Symbol& symbol) const {
  if (slot < dense_.size()) {
    symbol = dense_[slot];
    return true;
  }
  const auto found = sparse_.find(slot);
  if (found == sparse_.end()) return false;
  symbol = found->second;
  return true;
}

Symbol SymbolStack::tuple(std::span<const Symbol> items) {
  Symbol made{.kind = SymbolKind::tuple, .code = {}, .depth = 0, .a = items_.size(), .b = kNotKept};
  for (const Symbol& item : items) made.depth = std::max(made.depth, item.depth + 1);
  if (items.size() <= kMostItems && items_.size() + items.size() <= kMostValues) {
    made.b = items.size();
    items_.insert(items_.end(), items.begin(), items.end());
  }
  return made;
}

std::span<const Symbol> SymbolStack::items(const Symbol& tuple) const {
  if (tuple.kind != SymbolKind::tuple || tuple.b == kNotKept) return {};
  return std::span(items_).subspan(tuple.a, tuple.b);
}

}  // namespace transload::scanning
