#include "scan/pickle_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "core/text.h"
#include "formats/torch/globals.h"
#include "scan/literal.h"
#include "scan/survey_arguments.h"
#include "scan/survey_names.h"
#include "scan/survey_values.h"
#include "scan/window.h"
#include "wire/pickle_opcodes.h"

namespace transload::scanning {
namespace {

using wire::PickleOp;
using Code = SurveyLiteral::Code;

constexpr std::size_t kMostProblems = 64, kMostLiterals = 4096;
constexpr std::uint64_t kMostText = 4096;                     // bytes of a string that on_text is given
constexpr std::uint64_t kMostInteger = 4096;                  // bytes, or digits: CPython itself refuses 4300 digits
constexpr std::uint64_t kMostSlotsAhead = 65536;              // of the memo, beyond those in use
constexpr std::uint32_t kMostDepth = 1000;                    // as Python's recursion limit has it
constexpr std::uint64_t kMostEmpty = std::uint64_t{4} << 20;  // containers of at least 56 bytes each in CPython
constexpr std::int64_t kMostAllocation = std::int64_t{1} << 24;

class Surveyor {
 public:
  Surveyor(const Source& source, std::uint64_t begin, std::uint64_t end, const SurveyOptions& options)
      : options_(options), in_(source, begin, end), begin_(begin) {}

  Survey run() {
    try {
      while (!survey_.complete) {
        op_at_ = in_.offset();
        step();
      }
    } catch (const Stop& stop) {
      problem(op_at_, stop.why);
      // What was odd behind the begin of an array was read out of its numbers. The names are kept: they may be real.
      if (survey_.raw_arrays) {
        std::erase_if(survey_.problems, [&](const SurveyProblem& found) { return found.offset >= raw_at_; });
      }
    }
    survey_.end = in_.offset();
    if (inner_ && sets_attributes_) {
      problem(inner_->first, fmt::format("mentions '{}', which reaches into Python itself", inner_->second));
    }
    if (survey_.complete) look_back();
    return std::move(survey_);
  }

 private:
  // ---- what is reported ----

  void problem(std::uint64_t offset, std::string message) {
    if (survey_.problems.size() < kMostProblems) survey_.problems.push_back({offset, std::move(message)});
  }
  // The same message once, however often it happens.
  void problem_once(bool& said, std::string message) {
    if (!std::exchange(said, true)) problem(op_at_, std::move(message));
  }

  // Problems of the pickle as a whole.
  void look_back() {
    if (stack_.size() > 0) problem(op_at_, fmt::format("{} more values lie on the stack at the end", stack_.size()));
    const std::uint64_t size = survey_.end - begin_;
    // What writes a container remembers it, which takes another byte.
    if (empty_ > kMostEmpty || (empty_ > 10000 && empty_ * 2 > size)) {
      problem(begin_, fmt::format("{} empty containers in {} bytes: they take many times that memory", empty_, size));
    }
  }

  // ---- values ----

  // A limit of this survey, not of Python: a finding in any case.
  void limit() {
    survey_.limited = true;
    problem_once(said_limit_, "more values than a survey keeps; the oldest are forgotten");
  }

  void push(const Symbol& symbol) {
    if (!stack_.push(symbol)) limit();
  }
  void push(SymbolKind kind, std::uint64_t a = 0, std::uint64_t b = 0) {
    push({.kind = kind, .code = {}, .depth = 0, .a = a, .b = b});
  }
  Symbol pop() {
    Symbol symbol;
    if (!stack_.pop(symbol)) throw Stop{"takes a value from an empty stack"};
    return symbol;
  }
  Symbol& top() {
    Symbol* symbol = stack_.top();
    if (symbol == nullptr) throw Stop{"needs a value on an empty stack"};
    return *symbol;
  }
  std::vector<Symbol>& to_mark() {
    if (!stack_.to_mark(items_)) throw Stop{"needs a mark, and there is none"};
    return items_;
  }

  void push_container(SymbolKind kind, std::span<const Symbol> items = {}) {
    Symbol made{.kind = kind, .code = {}, .depth = 0, .a = op_at_, .b = 0};
    for (const Symbol& item : items) contain(made, item);
    empty_ += items.empty() ? 1 : 0;
    push(made);
  }

  // `container` receives `item`.
  void contain(Symbol& container, const Symbol& item) {
    use_as_value(item);
    if (container.kind == item.kind && is_container(item.kind) && container.a == item.a) {
      problem_once(said_cycle_, "a container is put into itself");
    }
    container.depth = std::max(container.depth, item.depth + 1);
    check_depth(container);
  }
  void check_depth(const Symbol& symbol) {
    if (symbol.depth > kMostDepth) {
      problem_once(said_depth_, fmt::format("values are nested deeper than {}", kMostDepth));
    }
  }

  void put_items(Symbol& container, std::span<const Symbol> items, bool pairs) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      contain(container, items[i]);
      if (pairs && i % 2 == 0 && is_container(items[i].kind)) {
        problem_once(said_key_, "a dict's key is a container, which cannot be one");
      }
    }
    if (!takes_items(container.kind)) problem_once(said_keeps_, "puts items into a value that holds none");
  }

  std::string content(const SurveyLiteral& literal, std::uint64_t most) const {
    return decoded(in_.peek(literal.offset, stored_for(literal, most)), literal.code, most);
  }
  std::string text_of(const Symbol& symbol, std::uint64_t most = kMostName) const {
    return content({symbol.a, symbol.b, symbol.code}, most);
  }

  // ---- names ----

  std::uint64_t name_index(std::string module, std::string name) {
    return names_.index(std::move(module), std::move(name), op_at_);
  }

  void push_name(std::string module, std::string name) {
    push(SymbolKind::name, name_index(std::move(module), std::move(name)));
  }

  void stack_global() {
    const Symbol name = pop(), module = pop();
    if (name.kind == SymbolKind::text && module.kind == SymbolKind::text) {
      if (name.b >= kMostName || module.b >= kMostName) problem(op_at_, "a name of more than 1 KiB");
      push_name(text_of(module), text_of(name));
      return;
    }
    const bool possible = may_be_text(name) && may_be_text(module);
    if (!possible) throw Stop{"a name that is not text"};
    const std::uint64_t index = name_index(module.kind == SymbolKind::text ? text_of(module) : "?",
                                           name.kind == SymbolKind::text ? text_of(name) : "?");
    if (index != kNotKept) survey_.names[index].computed = true;
    push(SymbolKind::name, index);
  }

  void extension(std::uint64_t code) {
    const std::uint64_t index = name_index("copyreg", fmt::format("extension {}", code));
    if (index != kNotKept) survey_.names[index].extension = true;
    push(SymbolKind::name, index);
  }

  // `callee` is called with `arguments` (a tuple, or what is not known); its result is pushed.
  void call(const Symbol& callee, const Symbol& arguments) {
    Symbol made{.kind = SymbolKind::unknown, .code = {}, .depth = arguments.depth, .a = kNotKept, .b = 0};
    if (callee.kind == SymbolKind::name && callee.a != kNotKept) {
      made.kind = SymbolKind::instance;
      made.a = callee.a;
      note_call(callee.a, stack_.items(arguments));
    }
    push(made);
  }

  void note_call(std::uint64_t index, std::span<const Symbol> arguments) {
    survey_.names[index].called = true;
    if (survey_.names[index].argument.empty()) {
      const auto text = std::ranges::find(arguments, SymbolKind::text, &Symbol::kind);
      if (text != arguments.end()) survey_.names[index].argument = text_of(*text, 80);
    }
    // Copies: what is named below may make the vector grow.
    const std::string module = survey_.names[index].module, name = survey_.names[index].name;
    if (name == "getattr") {
      take_attribute(index, arguments);
    } else if (module == "_codecs" && name == "encode") {
      const bool latin = arguments.size() == 2 && arguments[1].kind == SymbolKind::text && arguments[1].b <= 16 &&
                         (text_of(arguments[1]) == "latin1" || text_of(arguments[1]) == "latin-1");
      if (!latin) problem_once(said_encode_, "_codecs.encode is called for something else than bytes as Latin-1");
    } else if (name == "bytearray" || name == "bytes" || name == "range" || name == "xrange" ||
               name.ends_with("Tensor") || name.ends_with("Storage")) {
      const std::int64_t elements = product(arguments);
      if (elements > kMostAllocation) {
        problem_once(said_allocation_, fmt::format("{} is told to allocate {} elements", name, elements));
      }
    }
    if (!torch::is_allowed(module, name) || name == "_rebuild_parameter_with_state" ||
        name == "_rebuild_from_type_v2") {
      sets_attributes_ = true;
    }
  }

  void use_as_value(const Symbol& symbol) {
    if (symbol.kind == SymbolKind::name && symbol.a != kNotKept) names_.use(symbol.a, false);
  }

  // getattr(NAME, "attribute") is the name NAME.attribute.
  void take_attribute(std::uint64_t index, std::span<const Symbol> arguments) {
    const bool plain = arguments.size() == 2 && arguments[0].kind == SymbolKind::name && arguments[0].a != kNotKept &&
                       arguments[1].kind == SymbolKind::text;
    names_.use(index, plain);
    if (plain) {
      const SurveyName& of = survey_.names[arguments[0].a];
      std::string module = of.module, name = of.name + "." + text_of(arguments[1]);
      name_index(std::move(module), std::move(name));
    }
  }

  void build() {
    const Symbol state = pop();
    sets_attributes_ = sets_attributes_ || state.kind == SymbolKind::tuple;
    Symbol& object = top();
    switch (object.kind) {
      case SymbolKind::name:
        // setattr on a class or a function, which changes it for the whole program.
        if (object.a != kNotKept) survey_.names[object.a].changed = true;
        use_as_value(object);
        [[fallthrough]];
      case SymbolKind::instance:
        if (object.a == kNotKept) break;
        survey_.names[object.a].called = true;
        if (!survey_.raw_arrays && survey_.names[object.a].module == "joblib.numpy_pickle" &&
            survey_.names[object.a].name == "NumpyArrayWrapper") {
          survey_.raw_arrays = true;
          raw_at_ = in_.offset();
        }
        break;
      case SymbolKind::unknown:
      case SymbolKind::persistent: break;
      default: problem_once(said_state_, "gives a state to a value that takes none");
    }
    object.depth = std::max(object.depth, state.depth + 1);
    check_depth(object);
  }

  // ---- literals ----

  void text(std::uint64_t offset, std::uint64_t size, Code code) {
    push({.kind = SymbolKind::text, .code = code, .depth = 0, .a = offset, .b = size});
    literal({offset, size, code}, true);
  }
  void bytes(std::uint64_t offset, std::uint64_t size) {
    push(SymbolKind::bytes, offset, size);
    literal({offset, size, Code::plain}, false);
  }

  void literal(const SurveyLiteral& literal, bool is_text) {
    if (literal.size < 4) return;
    const bool wanted = is_text && options_.on_text != nullptr;
    const std::string begin = content(literal, kMostText);
    if (wanted) options_.on_text(literal.offset, begin);
    SurveyLiteral bytes = literal;
    if (is_text && bytes.code == Code::plain) bytes.code = Code::utf8;
    if (is_text) look_for_inner(begin);
    const std::string head = content(bytes, 256);
    if (!looks_like_a_file(head)) return;
    if (survey_.literals.size() < kMostLiterals) {
      survey_.literals.push_back(bytes);
    } else {
      problem_once(said_literals_, "more texts that look like files than are looked into");
    }
  }

  // Names that only Python's own machinery has a use for. In a model's settings they are texts like others.
  void look_for_inner(std::string_view text) {
    if (!inner_ && is_inner_name(text)) inner_ = {op_at_, std::string(text)};
  }

  // ---- opcodes ----

  void get(std::uint64_t slot) {
    Symbol symbol;
    if (!stack_.get(slot, symbol) && !survey_.limited) throw Stop{fmt::format("the memo has no slot {}", slot)};
    push(symbol);
  }
  void put(std::uint64_t slot) {
    if (slot > stack_.memo_size() + kMostSlotsAhead) {
      problem_once(said_slot_, fmt::format("the memo's slot {} where {} are in use", slot, stack_.memo_size()));
    }
    top();
    if (!stack_.put(slot)) limit();
  }
  void integer(std::uint64_t size, std::optional<std::int64_t> value) {
    if (size > kMostInteger) problem(op_at_, fmt::format("an integer of {} bytes", size));
    push(value ? SymbolKind::integer : SymbolKind::number, static_cast<std::uint64_t>(value.value_or(0)));
  }

  void step() {
    std::uint8_t byte = 0;
    if (!in_.byte(byte)) throw Stop{survey_.opcodes == 0 ? "is empty" : "ends without STOP"};
    const wire::PickleOpcode& row = wire::pickle_opcode(byte);
    if (row.name.empty()) throw Stop{fmt::format("0x{:02x} is no opcode", byte)};
    const Argument read = read_argument(in_, row.argument);
    if (read.long_name) problem(op_at_, "a name of more than 1 KiB");
    if (survey_.opcodes != ~0u) ++survey_.opcodes;
    interpret(row.op, read);
  }

  void interpret(PickleOp op, const Argument& read) {
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

      case PickleOp::put: put(slot_of(read.first)); break;
      case PickleOp::binput:
      case PickleOp::long_binput: put(read.number); break;
      case PickleOp::memoize: put(stack_.memo_size()); break;
      case PickleOp::get: get(slot_of(read.first)); break;
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

  void tuple(std::size_t count) {
    Symbol items[3];
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    for (std::size_t i = 0; i < count; ++i) use_as_value(items[i]);
    push(stack_.tuple(std::span(items, count)));
    check_depth(top());
  }

  const SurveyOptions& options_;
  Window in_;
  std::uint64_t begin_, op_at_ = 0;
  std::optional<std::pair<std::uint64_t, std::string>> inner_;  // the first text such as __class__
  bool sets_attributes_ = false;                                // something in it gives attributes to objects
  std::uint64_t raw_at_ = 0;                                    // where joblib's first array begins
  std::uint64_t empty_ = 0;                                     // containers made without items
  Survey survey_;
  SymbolStack stack_;
  std::vector<Symbol> items_;
  SurveyNames names_{survey_};
  bool said_cycle_ = false, said_depth_ = false, said_key_ = false, said_encode_ = false, said_allocation_ = false,
       said_slot_ = false, said_buffer_ = false, said_persid_ = false, said_limit_ = false, said_keeps_ = false,
       said_state_ = false, said_literals_ = false;
};

}  // namespace

Survey survey_pickle(const Source& source, std::uint64_t begin, std::uint64_t end, const SurveyOptions& options) {
  return Surveyor(source, begin, end, options).run();
}

}  // namespace transload::scanning
