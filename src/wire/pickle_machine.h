// The machine that turns a pickle's opcodes into values. For read_pickle() only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/cursor.h"
#include "wire/pickle.h"

namespace transload::wire {

class PickleMachine {
 public:
  PickleMachine(Bytes data, const PickleOptions& options, const PickleAllowed& allowed);

  // Thrown where the data ends although it is not all there is.
  struct OutOfData {};

  // Runs to STOP. Once.
  Pickle run();

 private:
  using Handler = void (PickleMachine::*)();
  struct Row;
  static Handler handler_of(std::uint8_t byte) noexcept;
  void run_opcodes();
  void step();
  void order_parts();  // checks depth and cycles
  bool refuses() const noexcept { return !out_.opaque_ && !out_.unknown_.empty(); }
  [[noreturn]] void refuse_unknown() const;
  [[noreturn]] void fail(std::string_view message, Errc code = Errc::corrupt) const;

  // Reading arguments.
  void need(std::uint64_t bytes);
  template <typename T>
  T argument();
  PickleValue span_of(PickleKind kind, std::uint64_t size);  // the next `size` bytes
  std::string_view line(std::uint64_t most, std::string_view what);
  std::uint32_t decimal(std::string_view what);                       // a line with a number of a memo slot
  PickleValue span_at(PickleKind kind, std::string_view text) const;  // `text` lies in the data
  PickleValue decoded(PickleKind kind, std::string_view text);        // a copy of `text` is kept

  // The stack.
  void push(PickleRef ref);
  void push(PickleValue value);
  PickleRef pop();
  PickleRef top() const;
  std::size_t fence() const noexcept { return marks_.empty() ? 0 : marks_.back(); }
  std::size_t take_mark();  // where the items above the mark begin; the mark is gone, the items are still there

  // What several opcodes share.
  void make_tuple(std::size_t from);
  std::vector<PickleRef>& growing(std::uint32_t& place);
  void add_elements(PickleRef target, std::size_t from);
  void add_entries(PickleRef target, std::size_t from);
  void check_key(PickleRef key);
  void remember(std::uint32_t slot);
  void recall(std::uint32_t slot);
  void push_integer(const PickleValue& bytes);
  void integer_from_bytes(std::uint64_t size);
  void push_global(PickleValue value);
  void push_call(PickleRef callee, PickleRef arguments);

  // One per opcode, or per group that differs in the width of its argument only.
  void do_proto();
  void do_stop();
  void do_mark();
  void do_pop();
  void do_pop_mark();
  void do_dup();
  void do_none();
  void do_true();
  void do_false();
  void do_int_text();
  void do_binint();
  void do_binint1();
  void do_binint2();
  void do_long1();
  void do_long4();
  void do_binfloat();
  void do_binunicode();
  void do_binstring();
  void do_short_binstring();
  void do_binbytes();
  void do_short_binbytes();
  void do_empty_tuple();
  void do_tuple();
  void do_tuple1();
  void do_tuple2();
  void do_tuple3();
  void do_empty_set();
  void do_additems();
  void do_frozenset();
  void do_empty_list();
  void do_list();
  void do_append();
  void do_appends();
  void do_empty_dict();
  void do_dict();
  void do_setitem();
  void do_setitems();
  void do_frame();
  void do_float_text();
  void do_long_text();
  void do_string();
  void do_unicode();
  void do_short_binunicode();
  void do_binunicode8();
  void do_binbytes8();
  void do_global();
  void do_stack_global();
  void do_inst();
  void do_obj();
  void do_newobj_ex();
  void do_reduce();
  void do_build();
  void do_binpersid();
  void do_put_text();
  void do_get_text();
  void do_memoize();
  void do_binput();
  void do_long_binput();
  void do_binget();
  void do_long_binget();

  Cursor cursor_;
  bool whole_;
  const PickleAllowed& allowed_;
  Pickle out_;
  std::uint32_t at_ = 0;  // offset of the current opcode
  bool stopped_ = false;
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleRef> memo_;
  std::uint64_t puts_ = 0, remembered_ = 0;  // how often, and how many slots are filled
};

}  // namespace transload::wire
