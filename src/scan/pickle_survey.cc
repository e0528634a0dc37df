#include "scan/pickle_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "formats/torch/globals.h"
#include "scan/literal.h"
#include "scan/surveyor.h"

namespace transload::scanning {
namespace {

constexpr std::size_t kMostProblems = 64, kMostLiterals = 4096;
constexpr std::uint64_t kMostText = 4096;                     // bytes of a string that on_text is given
constexpr std::uint32_t kMostDepth = 1000;                    // as Python's recursion limit has it
constexpr std::uint64_t kMostEmpty = std::uint64_t{4} << 20;  // containers of at least 56 bytes each in CPython
constexpr std::int64_t kMostAllocation = std::int64_t{1} << 24;

}  // namespace

Survey Surveyor::run() {
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

// ---- what is reported ----

void Surveyor::problem(std::uint64_t offset, std::string message) {
  if (survey_.problems.size() < kMostProblems) survey_.problems.push_back({offset, std::move(message)});
}

void Surveyor::problem_once(bool& said, std::string message) {
  if (!std::exchange(said, true)) problem(op_at_, std::move(message));
}

void Surveyor::look_back() {
  if (stack_.size() > 0) problem(op_at_, fmt::format("{} more values lie on the stack at the end", stack_.size()));
  const std::uint64_t size = survey_.end - begin_;
  // What writes a container remembers it, which takes another byte.
  if (empty_ > kMostEmpty || (empty_ > 10000 && empty_ * 2 > size)) {
    problem(begin_, fmt::format("{} empty containers in {} bytes: they take many times that memory", empty_, size));
  }
}

// ---- values ----

void Surveyor::limit() {
  survey_.limited = true;
  problem_once(said_limit_, "more values than a survey keeps; the oldest are forgotten");
}

void Surveyor::push(const Symbol& symbol) {
  if (!stack_.push(symbol)) limit();
}

void Surveyor::push(SymbolKind kind, std::uint64_t a, std::uint64_t b) {
  push({.kind = kind, .code = {}, .depth = 0, .a = a, .b = b});
}

Symbol Surveyor::pop() {
  Symbol symbol;
  if (!stack_.pop(symbol)) throw Stop{"takes a value from an empty stack"};
  return symbol;
}

Symbol& Surveyor::top() {
  Symbol* symbol = stack_.top();
  if (symbol == nullptr) throw Stop{"needs a value on an empty stack"};
  return *symbol;
}

std::vector<Symbol>& Surveyor::to_mark() {
  if (!stack_.to_mark(items_)) throw Stop{"needs a mark, and there is none"};
  return items_;
}

void Surveyor::push_container(SymbolKind kind, std::span<const Symbol> items) {
  Symbol made{.kind = kind, .code = {}, .depth = 0, .a = op_at_, .b = 0};
  for (const Symbol& item : items) contain(made, item);
  empty_ += items.empty() ? 1 : 0;
  push(made);
}

void Surveyor::contain(Symbol& container, const Symbol& item) {
  use_as_value(item);
  if (container.kind == item.kind && is_container(item.kind) && container.a == item.a) {
    problem_once(said_cycle_, "a container is put into itself");
  }
  container.depth = std::max(container.depth, item.depth + 1);
  check_depth(container);
}

void Surveyor::check_depth(const Symbol& symbol) {
  if (symbol.depth > kMostDepth) {
    problem_once(said_depth_, fmt::format("values are nested deeper than {}", kMostDepth));
  }
}

void Surveyor::put_items(Symbol& container, std::span<const Symbol> items, bool pairs) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    contain(container, items[i]);
    if (pairs && i % 2 == 0 && is_container(items[i].kind)) {
      problem_once(said_key_, "a dict's key is a container, which cannot be one");
    }
  }
  if (!takes_items(container.kind)) problem_once(said_keeps_, "puts items into a value that holds none");
}

std::string Surveyor::content(const SurveyLiteral& literal, std::uint64_t most) const {
  return decoded(in_.peek(literal.offset, stored_for(literal, most)), literal.code, most);
}

std::string Surveyor::text_of(const Symbol& symbol, std::uint64_t most) const {
  return content({symbol.a, symbol.b, symbol.code}, most);
}

// ---- names ----

std::uint64_t Surveyor::name_index(std::string module, std::string name) {
  return names_.index(std::move(module), std::move(name), op_at_);
}

void Surveyor::push_name(std::string module, std::string name) {
  push(SymbolKind::name, name_index(std::move(module), std::move(name)));
}

void Surveyor::stack_global() {
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

void Surveyor::extension(std::uint64_t code) {
  const std::uint64_t index = name_index("copyreg", fmt::format("extension {}", code));
  if (index != kNotKept) survey_.names[index].extension = true;
  push(SymbolKind::name, index);
}

void Surveyor::call(const Symbol& callee, const Symbol& arguments) {
  Symbol made{.kind = SymbolKind::unknown, .code = {}, .depth = arguments.depth, .a = kNotKept, .b = 0};
  if (callee.kind == SymbolKind::name && callee.a != kNotKept) {
    made.kind = SymbolKind::instance;
    made.a = callee.a;
    note_call(callee.a, stack_.items(arguments));
  } else if (callee.kind == SymbolKind::instance && callee.a != kNotKept) {
    survey_.names[callee.a].result_called = true;
    made.kind = SymbolKind::instance;
    made.a = callee.a;
  }
  push(made);
}

void Surveyor::note_call(std::uint64_t index, std::span<const Symbol> arguments) {
  survey_.names[index].called = true;
  if (survey_.names[index].argument.empty()) {
    const auto text = std::ranges::find(arguments, SymbolKind::text, &Symbol::kind);
    if (text != arguments.end()) survey_.names[index].argument = text_of(*text, 80);
  }
  // Copies: what is named below may make the vector grow.
  const std::string module = survey_.names[index].module, name = survey_.names[index].name;
  if (name == "getattr") {
    take_attribute(index, arguments);
  } else if (name == "type") {
    names_.use(index, arguments.size() == 1);  // with three it makes a class
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
  if (!torch::is_allowed(module, name) || name == "_rebuild_parameter_with_state" || name == "_rebuild_from_type_v2") {
    sets_attributes_ = true;
  }
}

void Surveyor::use_as_value(const Symbol& symbol) {
  if (symbol.kind == SymbolKind::name && symbol.a != kNotKept) names_.use(symbol.a, false);
}

void Surveyor::take_attribute(std::uint64_t index, std::span<const Symbol> arguments) {
  const bool plain = arguments.size() == 2 && arguments[0].kind == SymbolKind::name && arguments[0].a != kNotKept &&
                     arguments[1].kind == SymbolKind::text;
  names_.use(index, plain);
  if (plain) {
    const SurveyName& of = survey_.names[arguments[0].a];
    std::string module = of.module, name = of.name + "." + text_of(arguments[1]);
    name_index(std::move(module), std::move(name));
  }
}

void Surveyor::build() {
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
      survey_.names[object.a].given_state = true;
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

void Surveyor::text(std::uint64_t offset, std::uint64_t size, Code code) {
  push({.kind = SymbolKind::text, .code = code, .depth = 0, .a = offset, .b = size});
  literal({offset, size, code}, true);
}

void Surveyor::bytes(std::uint64_t offset, std::uint64_t size) {
  push(SymbolKind::bytes, offset, size);
  literal({offset, size, Code::plain}, false);
}

void Surveyor::literal(const SurveyLiteral& literal, bool is_text) {
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

void Surveyor::look_for_inner(std::string_view text) {
  if (!inner_ && is_inner_name(text)) inner_ = {op_at_, std::string(text)};
}

Survey survey_pickle(const Source& source, std::uint64_t begin, std::uint64_t end, const SurveyOptions& options) {
  return Surveyor(source, begin, end, options).run();
}

}  // namespace transload::scanning
