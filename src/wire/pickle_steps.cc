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

}  // namespace

// ---- names and what would be done with them
// --------------------------------------------------------------------------

void PickleMachine::push_global(PickleValue value) {
  value.kind = PickleKind::global;
  push(value);
  const PickleRef ref = top();
  out_.values_[ref].inert = !allowed_(out_.module(ref), out_.global_name(ref));
}

void PickleMachine::do_global() {
  const auto first = static_cast<std::uint32_t>(cursor_.position());
  const std::string_view module = line(kLongestName, "a module name");
  const std::string_view global = line(kLongestName, "a global name");
  PickleValue value;
  value.span = {first, static_cast<std::uint32_t>(module.size() + 1 + global.size())};
  push_global(value);
}

// The two names are values like others. What a call would make of something is not known here, and so not allowed.
void PickleMachine::do_stack_global() {
  const PickleRef global = pop(), module = pop();
  for (const PickleRef half : {module, global}) {
    const PickleValue& value = out_.values_[half];
    if (value.kind == PickleKind::call) continue;
    if (value.kind != PickleKind::text) fail(fmt::format("STACK_GLOBAL with {} as a name", name(value.kind)));
    if (value.span.count > kLongestName) fail(fmt::format("a global name of more than {} bytes", kLongestName));
  }
  PickleValue value;
  value.flag = true;
  value.span = {module, global};
  push_global(value);
}

void PickleMachine::push_call(PickleRef callee, PickleRef arguments) {
  const PickleValue called = out_.values_[callee];
  if (called.kind != PickleKind::global && called.kind != PickleKind::persistent && !called.inert) {
    fail(fmt::format("a call of {}", name(called.kind)));
  }
  PickleValue value;
  value.kind = PickleKind::call;
  value.inert = called.inert || called.kind == PickleKind::persistent;
  if (out_.values_[arguments].kind != PickleKind::tuple) {
    if (!out_.values_[arguments].inert) fail("a call whose arguments are not a tuple");
    value.inert = true;
    push(arguments);
    make_tuple(stack_.size() - 1);
    arguments = pop();
  }
  value.span = {static_cast<std::uint32_t>(out_.calls_.size()), 0};
  Pickle::CallRecord record;
  record.callee = callee;
  record.arguments = arguments;
  out_.calls_.push_back(record);
  push(value);
}

void PickleMachine::do_reduce() {
  const PickleRef arguments = pop(), callee = pop();
  push_call(callee, arguments);
}

void PickleMachine::do_newobj_ex() {
  const PickleRef keywords = pop(), arguments = pop(), callee = pop();
  const PickleValue& given = out_.values_[keywords];
  if (given.kind != PickleKind::dict && !given.inert) fail("keyword arguments that are not a dict");
  if (given.kind == PickleKind::dict && out_.items(keywords).empty()) return push_call(callee, arguments);
  if (!out_.values_[callee].inert) fail("a call with keyword arguments");
  if (out_.values_[arguments].kind != PickleKind::tuple) fail("a call whose arguments are not a tuple");
  const auto [first, count] = out_.values_[arguments].span;
  const std::size_t from = stack_.size();
  for (std::uint32_t i = 0; i < count; ++i) push(out_.pool_[first + i]);
  push(keywords);
  make_tuple(from);
  const PickleRef all = pop();
  push_call(callee, all);
}

void PickleMachine::do_inst() {
  const std::size_t from = take_mark();
  make_tuple(from);
  const PickleRef arguments = pop();
  do_global();
  const PickleRef callee = pop();
  push_call(callee, arguments);
}

void PickleMachine::do_obj() {
  const std::size_t from = take_mark();
  if (from >= stack_.size()) fail("OBJ without a class");
  make_tuple(from + 1);
  const PickleRef arguments = pop(), callee = pop();
  push_call(callee, arguments);
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
      {PickleOp::frame, &M::do_frame},
      {PickleOp::mark, &M::do_mark},
      {PickleOp::pop, &M::do_pop},
      {PickleOp::pop_mark, &M::do_pop_mark},
      {PickleOp::dup, &M::do_dup},
      {PickleOp::none, &M::do_none},
      {PickleOp::newtrue, &M::do_true},
      {PickleOp::newfalse, &M::do_false},
      {PickleOp::int_text, &M::do_int_text},
      {PickleOp::float_text, &M::do_float_text},
      {PickleOp::long_text, &M::do_long_text},
      {PickleOp::binint, &M::do_binint},
      {PickleOp::binint1, &M::do_binint1},
      {PickleOp::binint2, &M::do_binint2},
      {PickleOp::long1, &M::do_long1},
      {PickleOp::long4, &M::do_long4},
      {PickleOp::binfloat, &M::do_binfloat},
      {PickleOp::binunicode, &M::do_binunicode},
      {PickleOp::unicode, &M::do_unicode},
      {PickleOp::short_binunicode, &M::do_short_binunicode},
      {PickleOp::binunicode8, &M::do_binunicode8},
      {PickleOp::string, &M::do_string},
      {PickleOp::binstring, &M::do_binstring},
      {PickleOp::short_binstring, &M::do_short_binstring},
      {PickleOp::binbytes, &M::do_binbytes},
      {PickleOp::short_binbytes, &M::do_short_binbytes},
      {PickleOp::binbytes8, &M::do_binbytes8},
      {PickleOp::bytearray8, &M::do_binbytes8},
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
      {PickleOp::empty_set, &M::do_empty_set},
      {PickleOp::additems, &M::do_additems},
      {PickleOp::frozenset, &M::do_frozenset},
      {PickleOp::global, &M::do_global},
      {PickleOp::stack_global, &M::do_stack_global},
      {PickleOp::inst, &M::do_inst},
      {PickleOp::obj, &M::do_obj},
      {PickleOp::newobj_ex, &M::do_newobj_ex},
      {PickleOp::reduce, &M::do_reduce},
      {PickleOp::newobj, &M::do_reduce},  // Pickle::is_new_object() tells the two apart
      {PickleOp::build, &M::do_build},
      {PickleOp::binpersid, &M::do_binpersid},
      {PickleOp::binput, &M::do_binput},
      {PickleOp::put, &M::do_put_text},
      {PickleOp::get, &M::do_get_text},
      {PickleOp::memoize, &M::do_memoize},
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
