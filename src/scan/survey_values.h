// What a survey keeps of the values of a pickle: enough to see what a name is, and what it is called with.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "scan/pickle_survey.h"

namespace transload::scanning {

enum class SymbolKind : std::uint8_t {
  unknown,  // what a call gives
  none,
  boolean,
  integer,
  number,
  text,   // a: offset of the content in the source, b: its size
  bytes,  // the same
  tuple,  // a: first of its items, b: their number; b is kNotKept where they are not kept
  list,
  dict,
  set,
  name,      // a: index into Survey::names
  instance,  // what a call of a name gave; a: that index
  persistent,
};

inline constexpr std::uint64_t kNotKept = ~std::uint64_t{0};

struct Symbol {
  SymbolKind kind = SymbolKind::unknown;
  SurveyLiteral::Code code = SurveyLiteral::Code::plain;  // of text
  std::uint32_t depth = 0;                                // of containers in containers
  std::uint64_t a = 0, b = 0;
};

bool is_container(SymbolKind kind) noexcept;
bool takes_items(SymbolKind kind) noexcept;                      // may have append() or keys, as far as is known
bool may_be_text(const Symbol& symbol) noexcept;                 // an imported name may be one too: os.name
std::int64_t product(std::span<const Symbol> numbers) noexcept;  // of the integers above 0; as large as can be beyond

// The stack with its marks, the memo, and the items of small tuples. Every operation says false where CPython would
// raise: nothing to pop above the last mark, no mark, no such slot.
class SymbolStack {
 public:
  bool push(const Symbol& symbol);  // false: the lower half was forgotten to make place for it
  bool pop(Symbol& symbol);
  Symbol* top();                             // null: none above the last mark
  bool mark();                               // false: the lower half of the marks was forgotten
  bool pop_opcode();                         // POP: a value, or else a mark
  bool drop_to_mark();                       // POP_MARK
  bool to_mark(std::vector<Symbol>& items);  // those above the last mark, which goes too
  // The same without removing them, and the value below the mark; null: there is none.
  Symbol* below_mark(std::span<Symbol>& items);
  std::size_t size() const noexcept { return values_.size(); }

  bool put(std::uint64_t slot);  // false: nothing to put, or more than is kept
  bool get(std::uint64_t slot, Symbol& symbol) const;
  std::uint64_t memo_size() const noexcept { return dense_.size() + sparse_.size(); }

  Symbol tuple(std::span<const Symbol> items);
  std::span<const Symbol> items(const Symbol& tuple) const;  // empty where they are not kept

 private:
  std::size_t fence() const noexcept { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<Symbol> values_;
  std::vector<std::size_t> marks_;  // the stack's size at each
  std::vector<Symbol> dense_;       // slots 0, 1, ... as they come
  std::unordered_map<std::uint64_t, Symbol> sparse_;
  std::vector<Symbol> items_;
};

}  // namespace transload::scanning
