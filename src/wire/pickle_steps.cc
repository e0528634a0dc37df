// Opcodes of names, calls and persistent ids, and the table of all. A new opcode: one function, one row in
// handler_of().
#include <fmt/format.h>

#include <array>

#include "core/text.h"
#include "transload/error.h"
#include "wire/pickle_machine.h"
#include "wire/pickle_opcodes.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kLongestName = 512;
constexpr std::size_t kMostDenied = 100;

}  // namespace

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
