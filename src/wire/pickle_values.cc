// Opcodes of plain values, of the stack and of the memo. See pickle_steps.cc for the table.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include "transload/error.h"
#include "wire/pickle_machine.h"

namespace transload::wire {
namespace {

constexpr std::size_t kLargestStack = 1000000;
constexpr std::size_t kMostValues = std::size_t{8} << 20;  // a checkpoint of 70,000 tensors has about one million
constexpr std::uint64_t kMemoSlack = 65536;  // how far a memo slot may lie beyond the number of slots used
constexpr std::uint64_t kLongestInteger = 16, kLongestDecimal = 20;
constexpr unsigned kNewestProtocol = 5;

PickleValue integer_value(std::int64_t integer) {
  PickleValue value;
  value.kind = PickleKind::integer;
  value.integer = integer;
  return value;
}

}  // namespace

// ---- the stack
// -------------------------------------------------------------------------------------------------------

void PickleMachine::push(PickleRef ref) {
  if (stack_.size() >= kLargestStack) fail(fmt::format("more than {} values on the stack", kLargestStack));
  stack_.push_back(ref);
}

void PickleMachine::push(PickleValue value) {
  if (out_.values_.size() >= kMostValues) {
    fail(fmt::format("more than {} values", kMostValues), Errc::unsupported);
  }
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
  if (out_.protocol_ > kNewestProtocol) {
    fail(fmt::format("pickle protocol {} is not read; 0 to {} are", out_.protocol_, kNewestProtocol),
         Errc::unsupported);
  }
}

// Only for readers that fetch the stream piece by piece. Where it ends need not be the end of anything here.
void PickleMachine::do_frame() { need(argument<std::uint64_t>()); }

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
  push_integer(span_of(PickleKind::wide, size));
}

void PickleMachine::push_integer(const PickleValue& value) {
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

void PickleMachine::do_short_binunicode() { push(span_of(PickleKind::text, argument<std::uint8_t>())); }

void PickleMachine::do_binunicode8() { push(span_of(PickleKind::text, argument<std::uint64_t>())); }

void PickleMachine::do_binstring() {
  const auto size = argument<std::int32_t>();
  if (size < 0) fail("a string of a negative size");
  PickleValue value = span_of(PickleKind::text, static_cast<std::uint64_t>(size));
  value.flag = true;
  push(value);
}

void PickleMachine::do_short_binstring() {
  PickleValue value = span_of(PickleKind::text, argument<std::uint8_t>());
  value.flag = true;
  push(value);
}

void PickleMachine::do_binbytes() { push(span_of(PickleKind::bytes, argument<std::uint32_t>())); }

void PickleMachine::do_short_binbytes() { push(span_of(PickleKind::bytes, argument<std::uint8_t>())); }

void PickleMachine::do_binbytes8() { push(span_of(PickleKind::bytes, argument<std::uint64_t>())); }

// ---- the memo
// --------------------------------------------------------------------------------------------------------

void PickleMachine::remember(std::uint32_t slot) {
  constexpr PickleRef kUnused = std::numeric_limits<PickleRef>::max();
  const PickleRef ref = top();
  if (slot > puts_ + kMemoSlack) fail(fmt::format("memo slot {} after {} slots were used", slot, puts_));
  ++puts_;
  if (slot >= memo_.size()) memo_.resize(slot + std::size_t{1}, kUnused);
  remembered_ += memo_[slot] == kUnused ? 1 : 0;
  if (remembered_ > 2 * out_.values_.size() + kMemoSlack) fail("the memo has more slots than there are values");
  memo_[slot] = ref;
}

void PickleMachine::recall(std::uint32_t slot) {
  if (slot >= memo_.size() || memo_[slot] >= out_.values_.size()) fail(fmt::format("memo slot {} is empty", slot));
  push(memo_[slot]);
}

void PickleMachine::do_put_text() { remember(decimal("a memo slot")); }

void PickleMachine::do_get_text() { recall(decimal("a memo slot")); }

// The number of slots that are filled is the next slot.
void PickleMachine::do_memoize() { remember(static_cast<std::uint32_t>(remembered_)); }

void PickleMachine::do_binput() { remember(argument<std::uint8_t>()); }

void PickleMachine::do_long_binput() { remember(argument<std::uint32_t>()); }

void PickleMachine::do_binget() { recall(argument<std::uint8_t>()); }

void PickleMachine::do_long_binget() { recall(argument<std::uint32_t>()); }

}  // namespace transload::wire
