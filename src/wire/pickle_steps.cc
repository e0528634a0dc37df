// What each opcode does to the stack. A new opcode: one function here, one row in handler_of().
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <limits>

#include "core/text.h"
#include "transload/error.h"
#include "wire/pickle_machine.h"
#include "wire/pickle_opcodes.h"

namespace transload::wire {
namespace {

constexpr std::size_t kLargestStack = 1000000;
constexpr std::uint64_t kMemoSlack = 65536;  // how far a memo slot may lie beyond the number of slots used
constexpr std::uint64_t kLongestName = 512, kLongestInteger = 16, kLongestDecimal = 20;
constexpr std::size_t kLargestKey = 64;  // values in a tuple that is a dict key
constexpr std::size_t kMostDenied = 100;

}  // namespace

// ---- the stack
// -------------------------------------------------------------------------------------------------------

void PickleMachine::push(PickleRef ref) {
  if (stack_.size() >= kLargestStack) fail(fmt::format("more than {} values on the stack", kLargestStack));
  stack_.push_back(ref);
}

void PickleMachine::push(PickleValue value) {
  value.offset = at_;
  push(static_cast<PickleRef>(out_.values_.size()));
  out_.values_.push_back(value);
}

PickleRef PickleMachine::pop() {
  const PickleRef ref = top();
  stack_.pop_back();
  return ref;
}

PickleRef PickleMachine::top() const {
  if (stack_.size() <= fence()) fail("an opcode needs a value and the stack is empty");
  return stack_.back();
}

std::size_t PickleMachine::take_mark() {
  if (marks_.empty()) fail("an opcode needs a MARK and there is none");
  const std::size_t from = marks_.back();
  marks_.pop_back();
  return from;
}

void PickleMachine::do_mark() {
  if (marks_.size() >= kLargestStack) fail(fmt::format("more than {} marks", kLargestStack));
  marks_.push_back(stack_.size());
}

void PickleMachine::do_pop() {
  if (!marks_.empty() && marks_.back() == stack_.size()) {
    marks_.pop_back();
  } else {
    pop();
  }
}

void PickleMachine::do_pop_mark() { stack_.resize(take_mark()); }

void PickleMachine::do_dup() { push(top()); }

void PickleMachine::do_proto() {
  if (at_ != 0) fail("PROTO in the middle of a pickle");
  out_.protocol_ = argument<std::uint8_t>();
  if (out_.protocol_ < 2 || out_.protocol_ > 3) {
    fail(fmt::format("pickle protocol {} is not read; 2 and 3 are", out_.protocol_), Errc::unsupported);
  }
}

void PickleMachine::do_stop() {
  out_.root_ = pop();
  if (!stack_.empty() || !marks_.empty()) fail("STOP with values left on the stack");
  stopped_ = true;
}

// ---- plain values
// ----------------------------------------------------------------------------------------------------

void PickleMachine::do_none() { push(PickleValue{}); }

void PickleMachine::do_true() {
  PickleValue value;
  value.kind = PickleKind::boolean;
  value.flag = true;
  push(value);
}

void PickleMachine::do_false() {
  PickleValue value;
  value.kind = PickleKind::boolean;
  push(value);
}

namespace {

PickleValue integer_value(std::int64_t integer) {
  PickleValue value;
  value.kind = PickleKind::integer;
  value.integer = integer;
  return value;
}

}  // namespace

void PickleMachine::do_binint() { push(integer_value(argument<std::int32_t>())); }

void PickleMachine::do_binint1() { push(integer_value(argument<std::uint8_t>())); }

void PickleMachine::do_binint2() { push(integer_value(argument<std::uint16_t>())); }

// Python 2 wrote integers of more than 32 bits so, in every protocol; "00" and "01" are its booleans.
void PickleMachine::do_int_text() {
  const std::string_view digits = line(kLongestDecimal, "a decimal integer");
  if (digits == "00") return do_false();
  if (digits == "01") return do_true();
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), integer);
  if (error != std::errc{} || end != digits.data() + digits.size()) fail("INT without a decimal integer of 64 bits");
  push(integer_value(integer));
}

void PickleMachine::integer_from_bytes(std::uint64_t size) {
  if (size > kLongestInteger) fail(fmt::format("an integer of {} bytes; at most {} are read", size, kLongestInteger));
  PickleValue value = span_of(PickleKind::wide, size);
  const ByteView bytes = as_bytes(out_.bytes_of(value));
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t sign = !bytes.empty() && byte(bytes.size() - 1) >= 0x80 ? 0xFF : 0;
  std::uint64_t low = 0;
  bool fits = true;
  for (std::size_t i = 0; i < std::max<std::size_t>(bytes.size(), 8); ++i) {
    const std::uint8_t digit = i < bytes.size() ? byte(i) : sign;
    if (i < 8) {
      low |= std::uint64_t{digit} << (8 * i);
    } else {
      fits = fits && digit == sign;
    }
  }
  fits = fits && (low >> 63 != 0) == (sign != 0);
  push(fits ? integer_value(static_cast<std::int64_t>(low)) : value);
}

void PickleMachine::do_long1() { integer_from_bytes(argument<std::uint8_t>()); }

void PickleMachine::do_long4() {
  const auto size = argument<std::int32_t>();
  if (size < 0) fail("an integer of a negative size");
  integer_from_bytes(static_cast<std::uint64_t>(size));
}

void PickleMachine::do_binfloat() {
  PickleValue value;
  value.kind = PickleKind::floating;
  value.floating = std::bit_cast<double>(__builtin_bswap64(argument<std::uint64_t>()));
  push(value);
}

void PickleMachine::do_binunicode() { push(span_of(PickleKind::text, argument<std::uint32_t>())); }

void PickleMachine::do_binstring() {
  const auto size = argument<std::int32_t>();
  if (size < 0) fail("a string of a negative size");
  push(span_of(PickleKind::text, static_cast<std::uint64_t>(size)));
}

void PickleMachine::do_short_binstring() { push(span_of(PickleKind::text, argument<std::uint8_t>())); }

void PickleMachine::do_binbytes() { push(span_of(PickleKind::bytes, argument<std::uint32_t>())); }

void PickleMachine::do_short_binbytes() { push(span_of(PickleKind::bytes, argument<std::uint8_t>())); }

// ---- containers
// ------------------------------------------------------------------------------------------------------

void PickleMachine::make_tuple(std::size_t from) {
  if (from < fence() || from > stack_.size()) fail("an opcode needs values and the stack is empty");
  PickleValue value;
  value.kind = PickleKind::tuple;
  value.span = {static_cast<std::uint32_t>(out_.pool_.size()), static_cast<std::uint32_t>(stack_.size() - from)};
  out_.pool_.insert(out_.pool_.end(), stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end());
  stack_.resize(from);
  push(value);
}

void PickleMachine::do_empty_tuple() { make_tuple(stack_.size()); }

void PickleMachine::do_tuple() { make_tuple(take_mark()); }

void PickleMachine::do_tuple1() { make_tuple(stack_.size() - 1); }

void PickleMachine::do_tuple2() { make_tuple(stack_.size() - 2); }

void PickleMachine::do_tuple3() { make_tuple(stack_.size() - 3); }

void PickleMachine::do_empty_list() {
  PickleValue value;
  value.kind = PickleKind::list;
  value.span = {0, 0};
  push(value);
}

void PickleMachine::do_empty_dict() {
  PickleValue value;
  value.kind = PickleKind::dict;
  value.span = {0, 0};
  push(value);
}

void PickleMachine::do_list() {
  const std::size_t from = take_mark();
  do_empty_list();
  const PickleRef list = pop();
  add_elements(list, from);
  push(list);
}

void PickleMachine::do_dict() {
  const std::size_t from = take_mark();
  do_empty_dict();
  const PickleRef dict = pop();
  add_entries(dict, from);
  push(dict);
}

std::vector<PickleRef>& PickleMachine::growing(std::uint32_t& place) {
  if (place == 0) {
    out_.growing_.emplace_back();
    place = static_cast<std::uint32_t>(out_.growing_.size());
  }
  return out_.growing_[place - 1];
}

void PickleMachine::add_elements(PickleRef target, std::size_t from) {
  PickleValue& value = out_.values_[target];
  if (value.kind != PickleKind::list && value.kind != PickleKind::call) {
    fail(fmt::format("APPEND to {}", name(value.kind)));
  }
  if (from < stack_.size()) {
    const bool is_call = value.kind == PickleKind::call;
    std::vector<PickleRef>& items = growing(is_call ? out_.calls_[value.span.first].elements : value.span.first);
    items.insert(items.end(), stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end());
  }
  stack_.resize(from);
}

void PickleMachine::add_entries(PickleRef target, std::size_t from) {
  PickleValue& value = out_.values_[target];
  if (value.kind != PickleKind::dict && value.kind != PickleKind::call) {
    fail(fmt::format("SETITEM on {}", name(value.kind)));
  }
  if ((stack_.size() - from) % 2 != 0) fail("a key without a value");
  for (std::size_t i = from; i < stack_.size(); i += 2) check_key(stack_[i]);
  if (from < stack_.size()) {
    const bool is_call = value.kind == PickleKind::call;
    std::vector<PickleRef>& items = growing(is_call ? out_.calls_[value.span.first].entries : value.span.first);
    items.insert(items.end(), stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end());
  }
  stack_.resize(from);
}

// Nothing is hashed here, but whoever prints or compares keys must be able to do so in a bounded time: tuples that
// share their parts can stand for 2^n values (so a file of 991 bytes hangs torch.load 2.13).
void PickleMachine::check_key(PickleRef key) {
  if (out_.values_[key].kind == PickleKind::tuple && out_.values_[key].flag) return;
  std::vector<PickleRef> todo{key};
  for (std::size_t seen = 0; !todo.empty(); ++seen) {
    const PickleValue& value = out_.values_[todo.back()];
    todo.pop_back();
    if (seen >= kLargestKey) fail(fmt::format("a dict key of more than {} values", kLargestKey));
    switch (value.kind) {
      case PickleKind::none:
      case PickleKind::boolean:
      case PickleKind::integer:
      case PickleKind::wide:
      case PickleKind::floating:
      case PickleKind::text:
      case PickleKind::bytes: break;
      case PickleKind::tuple:
        if (value.span.count > kLargestKey) fail(fmt::format("a dict key of more than {} values", kLargestKey));
        for (std::uint32_t i = 0; i < value.span.count; ++i) todo.push_back(out_.pool_[value.span.first + i]);
        break;
      default: fail(fmt::format("{} as a dict key; only plain values can be one", name(value.kind)));
    }
  }
  if (out_.values_[key].kind == PickleKind::tuple) out_.values_[key].flag = true;
}

void PickleMachine::do_append() {
  top();
  const std::size_t from = stack_.size() - 1;
  if (from <= fence()) fail("APPEND without a list");
  add_elements(stack_[from - 1], from);
}

void PickleMachine::do_appends() {
  const std::size_t from = take_mark();
  if (from <= fence()) fail("APPENDS without a list");
  add_elements(stack_[from - 1], from);
}

void PickleMachine::do_setitem() {
  if (stack_.size() < fence() + 3) fail("SETITEM without a dict, a key and a value");
  const std::size_t from = stack_.size() - 2;
  add_entries(stack_[from - 1], from);
}

void PickleMachine::do_setitems() {
  const std::size_t from = take_mark();
  if (from <= fence()) fail("SETITEMS without a dict");
  add_entries(stack_[from - 1], from);
}

// ---- names and what would be done with them
// --------------------------------------------------------------------------

void PickleMachine::do_global() {
  const auto first = static_cast<std::uint32_t>(cursor_.position());
  const std::string_view module = line(kLongestName, "a module name");
  const std::string_view global = line(kLongestName, "a global name");
  if (!allowed_(module, global) && denied_.size() < kMostDenied) {
    denied_.push_back({out_.base_ + at_, shortened(fmt::format("{}.{}", module, global))});
  }
  PickleValue value;
  value.kind = PickleKind::global;
  value.span = {first, static_cast<std::uint32_t>(module.size() + 1 + global.size())};
  push(value);
}

void PickleMachine::do_reduce() {
  const PickleRef arguments = pop(), callee = pop();
  // Behind a forbidden name anything may follow; it is refused for that name in the end.
  if (denied_.empty()) {
    if (out_.values_[callee].kind != PickleKind::global) {
      fail(fmt::format("a call of {}", name(out_.values_[callee].kind)));
    }
    if (out_.values_[arguments].kind != PickleKind::tuple) fail("a call whose arguments are not a tuple");
  }
  PickleValue value;
  value.kind = PickleKind::call;
  value.span = {static_cast<std::uint32_t>(out_.calls_.size()), 0};
  Pickle::CallRecord record;
  record.callee = callee;
  record.arguments = arguments;
  out_.calls_.push_back(record);
  push(value);
}

void PickleMachine::do_build() {
  const PickleRef state = pop();
  const PickleValue& value = out_.values_[top()];
  if (value.kind != PickleKind::call) fail(fmt::format("BUILD on {}", name(value.kind)));
  Pickle::CallRecord& record = out_.calls_[value.span.first];
  if (record.state) fail("a second BUILD on the same value");
  record.state = state;
}

void PickleMachine::do_binpersid() {
  PickleValue value;
  value.kind = PickleKind::persistent;
  value.span = {pop(), 0};
  push(value);
}

// ---- the memo
// --------------------------------------------------------------------------------------------------------

void PickleMachine::remember(std::uint32_t slot) {
  constexpr PickleRef kUnused = std::numeric_limits<PickleRef>::max();
  const PickleRef ref = top();
  if (slot > puts_ + kMemoSlack) fail(fmt::format("memo slot {} after {} slots were used", slot, puts_));
  ++puts_;
  if (slot >= memo_.size()) memo_.resize(slot + std::size_t{1}, kUnused);
  memo_[slot] = ref;
}

void PickleMachine::recall(std::uint32_t slot) {
  if (slot >= memo_.size() || memo_[slot] >= out_.values_.size()) fail(fmt::format("memo slot {} is empty", slot));
  push(memo_[slot]);
}

void PickleMachine::do_binput() { remember(argument<std::uint8_t>()); }

void PickleMachine::do_long_binput() { remember(argument<std::uint32_t>()); }

void PickleMachine::do_binget() { recall(argument<std::uint8_t>()); }

void PickleMachine::do_long_binget() { recall(argument<std::uint32_t>()); }

// ---- the table
// -------------------------------------------------------------------------------------------------------

struct PickleMachine::Row {
  PickleOp op;
  Handler handler;
};

PickleMachine::Handler PickleMachine::handler_of(std::uint8_t byte) noexcept {
  using M = PickleMachine;
  static constexpr Row kRows[] = {
      {PickleOp::proto, &M::do_proto},
      {PickleOp::stop, &M::do_stop},
      {PickleOp::mark, &M::do_mark},
      {PickleOp::pop, &M::do_pop},
      {PickleOp::pop_mark, &M::do_pop_mark},
      {PickleOp::dup, &M::do_dup},
      {PickleOp::none, &M::do_none},
      {PickleOp::newtrue, &M::do_true},
      {PickleOp::newfalse, &M::do_false},
      {PickleOp::int_text, &M::do_int_text},
      {PickleOp::binint, &M::do_binint},
      {PickleOp::binint1, &M::do_binint1},
      {PickleOp::binint2, &M::do_binint2},
      {PickleOp::long1, &M::do_long1},
      {PickleOp::long4, &M::do_long4},
      {PickleOp::binfloat, &M::do_binfloat},
      {PickleOp::binunicode, &M::do_binunicode},
      {PickleOp::binstring, &M::do_binstring},
      {PickleOp::short_binstring, &M::do_short_binstring},
      {PickleOp::binbytes, &M::do_binbytes},
      {PickleOp::short_binbytes, &M::do_short_binbytes},
      {PickleOp::empty_tuple, &M::do_empty_tuple},
      {PickleOp::tuple, &M::do_tuple},
      {PickleOp::tuple1, &M::do_tuple1},
      {PickleOp::tuple2, &M::do_tuple2},
      {PickleOp::tuple3, &M::do_tuple3},
      {PickleOp::empty_list, &M::do_empty_list},
      {PickleOp::list, &M::do_list},
      {PickleOp::append, &M::do_append},
      {PickleOp::appends, &M::do_appends},
      {PickleOp::empty_dict, &M::do_empty_dict},
      {PickleOp::dict, &M::do_dict},
      {PickleOp::setitem, &M::do_setitem},
      {PickleOp::setitems, &M::do_setitems},
      {PickleOp::global, &M::do_global},
      {PickleOp::reduce, &M::do_reduce},
      {PickleOp::newobj, &M::do_reduce},  // to make an object of a class and to call it: the same here
      {PickleOp::build, &M::do_build},
      {PickleOp::binpersid, &M::do_binpersid},
      {PickleOp::binput, &M::do_binput},
      {PickleOp::long_binput, &M::do_long_binput},
      {PickleOp::binget, &M::do_binget},
      {PickleOp::long_binget, &M::do_long_binget},
  };
  static constexpr std::array<Handler, 256> kByByte = [] {
    std::array<Handler, 256> table{};
    for (const Row& row : kRows) table[static_cast<std::uint8_t>(row.op)] = row.handler;
    return table;
  }();
  return kByByte[byte];
}

}  // namespace transload::wire
