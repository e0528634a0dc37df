#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "scan/surveyor.h"

namespace transload::scanning {
namespace {

constexpr std::uint64_t kMostInteger = 4096;      // bytes, or digits: CPython itself refuses 4300 digits
constexpr std::uint64_t kMostSlotsAhead = 65536;  // of the memo, beyond those in use

}  // namespace

std::uint64_t Surveyor::slot(std::string_view line) {
  const std::uint64_t slot = slot_of(line, large_slots_);
  if (large_slots_.size() >= kMostLargeSlots) limit();
  return slot;
}

void Surveyor::get(std::uint64_t slot) {
  Symbol symbol;
  if (!stack_.get(slot, symbol) && !survey_.limited) throw Stop{fmt::format("the memo has no slot {}", slot)};
  push(symbol);
}

void Surveyor::put(std::uint64_t slot) {
  if (slot > stack_.memo_size() + kMostSlotsAhead) {
    problem_once(said_slot_, fmt::format("the memo's slot {} where {} are in use", slot, stack_.memo_size()));
  }
  top();
  if (!stack_.put(slot)) limit();
}

void Surveyor::integer(std::uint64_t size, std::optional<std::int64_t> value) {
  if (size > kMostInteger) problem(op_at_, fmt::format("an integer of {} bytes", size));
  push(value ? SymbolKind::integer : SymbolKind::number, static_cast<std::uint64_t>(value.value_or(0)));
}

void Surveyor::step() {
  std::uint8_t byte = 0;
  if (!in_.byte(byte)) throw Stop{survey_.opcodes == 0 ? "is empty" : "ends without STOP"};
  const wire::PickleOpcode& row = wire::pickle_opcode(byte);
  if (row.name.empty()) throw Stop{fmt::format("0x{:02x} is no opcode", byte)};
  const Argument read = read_argument(in_, row.argument);
  if (read.long_name) problem(op_at_, "a name of more than 1 KiB");
  if (survey_.opcodes != ~0u) ++survey_.opcodes;
  interpret(row.op, read);
}

void Surveyor::interpret(PickleOp op, const Argument& read) {
  switch (op) {
    case PickleOp::proto:
      if (read.number > 5) throw Stop{fmt::format("protocol {}; there are 0 to 5", read.number)};
      if (op_at_ == begin_) survey_.shape_of_a_pickle = true;
      if (op_at_ != begin_) problem(op_at_, "PROTO in the middle of a pickle");
      break;
    case PickleOp::frame:
      if (read.number > in_.left())
        problem(op_at_, fmt::format("a frame of {} bytes where {} are left", read.number, in_.left()));
      break;
    case PickleOp::stop:
      pop();
      survey_.complete = true;
      break;

    case PickleOp::mark:
      if (!stack_.mark()) limit();
      break;
    case PickleOp::pop:
      if (!stack_.pop_opcode()) throw Stop{"takes a value from an empty stack"};
      break;
    case PickleOp::pop_mark:
      if (!stack_.drop_to_mark()) throw Stop{"needs a mark, and there is none"};
      break;
    case PickleOp::dup: push(Symbol(top())); break;

    case PickleOp::none: push(SymbolKind::none); break;
    case PickleOp::newtrue:
    case PickleOp::newfalse: push(SymbolKind::boolean); break;
    case PickleOp::binint:
    case PickleOp::binint1:
    case PickleOp::binint2: push(SymbolKind::integer, read.number); break;
    case PickleOp::int_text:
    case PickleOp::long_text: integer(read.size, decimal(read.first)); break;
    case PickleOp::long1:
    case PickleOp::long4:
      integer(read.size, little_signed(in_.peek(read.offset, std::min<std::uint64_t>(read.size, 9))));
      break;
    case PickleOp::float_text:
    case PickleOp::binfloat: push(SymbolKind::number); break;

    case PickleOp::string: text(read.offset, read.size, Code::quoted); break;
    case PickleOp::unicode: text(read.offset, read.size, Code::escaped); break;
    case PickleOp::binstring:
    case PickleOp::short_binstring:
    case PickleOp::binunicode:
    case PickleOp::short_binunicode:
    case PickleOp::binunicode8: text(read.offset, read.size, Code::plain); break;
    case PickleOp::binbytes:
    case PickleOp::short_binbytes:
    case PickleOp::binbytes8:
    case PickleOp::bytearray8: bytes(read.offset, read.size); break;
    case PickleOp::next_buffer:
      problem_once(said_buffer_, "takes a buffer from outside of the file");
      push(SymbolKind::bytes);
      break;
    case PickleOp::readonly_buffer: top(); break;

    case PickleOp::persid:
      problem_once(said_persid_, "a persistent id in text, which PyTorch never writes");
      push(SymbolKind::persistent);
      break;
    case PickleOp::binpersid:
      pop();
      push(SymbolKind::persistent);
      break;

    case PickleOp::empty_list: push_container(SymbolKind::list); break;
    case PickleOp::empty_dict: push_container(SymbolKind::dict); break;
    case PickleOp::empty_set: push_container(SymbolKind::set); break;
    case PickleOp::list: push_container(SymbolKind::list, to_mark()); break;
    case PickleOp::dict: push_container(SymbolKind::dict, to_mark()); break;
    case PickleOp::frozenset: push_container(SymbolKind::set, to_mark()); break;
    case PickleOp::append: {
      const Symbol item = pop();
      put_items(top(), {&item, 1}, false);
      break;
    }
    case PickleOp::setitem: {
      const Symbol value = pop(), key = pop();
      const Symbol pair[] = {key, value};
      put_items(top(), pair, true);
      break;
    }
    case PickleOp::appends:
    case PickleOp::additems:
    case PickleOp::setitems: {
      std::vector<Symbol>& items = to_mark();
      put_items(top(), items, op == PickleOp::setitems);
      break;
    }

    case PickleOp::empty_tuple: push(stack_.tuple({})); break;
    case PickleOp::tuple1: tuple(1); break;
    case PickleOp::tuple2: tuple(2); break;
    case PickleOp::tuple3: tuple(3); break;
    case PickleOp::tuple:
      for (const Symbol& item : to_mark()) use_as_value(item);
      push(stack_.tuple(items_));
      check_depth(top());
      break;

    case PickleOp::put: put(slot(read.first)); break;
    case PickleOp::binput:
    case PickleOp::long_binput: put(read.number); break;
    case PickleOp::memoize: put(stack_.memo_size()); break;
    case PickleOp::get: get(slot(read.first)); break;
    case PickleOp::binget:
    case PickleOp::long_binget: get(read.number); break;

    case PickleOp::global: push_name(read.first, read.second); break;
    case PickleOp::stack_global: stack_global(); break;
    case PickleOp::ext1:
    case PickleOp::ext2:
    case PickleOp::ext4: extension(read.number); break;
    case PickleOp::inst: {
      // Python's own unpickler imports before it looks for the mark.
      const Symbol callee{
          .kind = SymbolKind::name, .code = {}, .depth = 0, .a = name_index(read.first, read.second), .b = 0};
      const Symbol arguments = stack_.tuple(to_mark());
      call(callee, arguments);
      break;
    }
    case PickleOp::obj: {
      const std::vector<Symbol>& items = to_mark();
      if (items.empty()) throw Stop{"needs a class above the mark"};
      const Symbol callee = items.front();
      call(callee, stack_.tuple(std::span(items).subspan(1)));
      break;
    }
    case PickleOp::reduce:
    case PickleOp::newobj: {
      const Symbol arguments = pop(), callee = pop();
      call(callee, arguments);
      break;
    }
    case PickleOp::newobj_ex: {
      pop();
      const Symbol arguments = pop(), callee = pop();
      call(callee, arguments);
      break;
    }
    case PickleOp::build: build(); break;
  }
}

void Surveyor::tuple(std::size_t count) {
  Symbol items[3];
  for (std::size_t i = count; i-- > 0;) items[i] = pop();
  for (std::size_t i = 0; i < count; ++i) use_as_value(items[i]);
  push(stack_.tuple(std::span(items, count)));
  check_depth(top());
}

}  // namespace transload::scanning
