// Opcodes of tuples, lists, dicts and sets. See pickle_steps.cc for the table.
#include <fmt/format.h>

#include "transload/error.h"
#include "wire/pickle_machine.h"

namespace transload::wire {
namespace {

constexpr std::size_t kLargestKey = 64;  // values in a tuple that is a dict key

}  // namespace

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

void PickleMachine::do_empty_set() {
  PickleValue value;
  value.kind = PickleKind::set;
  value.span = {0, 0};
  push(value);
}

void PickleMachine::do_additems() {
  const std::size_t from = take_mark();
  if (from <= fence()) fail("ADDITEMS without a set");
  if (out_.values_[stack_[from - 1]].kind == PickleKind::list) fail("ADDITEMS to a list");
  add_elements(stack_[from - 1], from);
}

void PickleMachine::do_frozenset() {
  const std::size_t from = take_mark();
  do_empty_set();
  const PickleRef set = pop();
  add_elements(set, from);
  out_.values_[set].flag = true;
  push(set);
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
  const bool grows = value.kind == PickleKind::list || (value.kind == PickleKind::set && !value.flag);
  if (!grows && value.kind != PickleKind::call) fail(fmt::format("an element for {}", name(value.kind)));
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
      case PickleKind::bytes:
      case PickleKind::global:
      case PickleKind::call: break;
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
  if (out_.values_[stack_[from - 1]].kind == PickleKind::set) fail("APPEND to a set");
  add_elements(stack_[from - 1], from);
}

void PickleMachine::do_appends() {
  const std::size_t from = take_mark();
  if (from <= fence()) fail("APPENDS without a list");
  if (out_.values_[stack_[from - 1]].kind == PickleKind::set) fail("APPENDS to a set");
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

}  // namespace transload::wire
