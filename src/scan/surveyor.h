// The machine that walks a pickle with symbols in place of values. For survey_pickle() only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scan/pickle_survey.h"
#include "scan/survey_arguments.h"
#include "scan/survey_names.h"
#include "scan/survey_values.h"
#include "scan/window.h"
#include "wire/pickle_opcodes.h"

namespace transload::scanning {

class Surveyor {
 public:
  Surveyor(const Source& source, std::uint64_t begin, std::uint64_t end, const SurveyOptions& options)
      : options_(options), in_(source, begin, end), begin_(begin) {}

  // To STOP, or to where CPython would stop. Once.
  Survey run();

 private:
  using Code = SurveyLiteral::Code;
  using PickleOp = wire::PickleOp;

  // ---- what is reported ----
  void problem(std::uint64_t offset, std::string message);
  // The same message once, however often it happens.
  void problem_once(bool& said, std::string message);
  // Problems of the pickle as a whole.
  void look_back();

  // ---- values ----
  // A limit of this survey, not of Python: a finding in any case.
  void limit();
  void push(const Symbol& symbol);
  void push(SymbolKind kind, std::uint64_t a = 0, std::uint64_t b = 0);
  Symbol pop();
  Symbol& top();
  std::vector<Symbol>& to_mark();
  void push_container(SymbolKind kind, std::span<const Symbol> items = {});
  // `container` receives `item`.
  void contain(Symbol& container, const Symbol& item);
  void check_depth(const Symbol& symbol);
  void put_items(Symbol& container, std::span<const Symbol> items, bool pairs);
  std::string content(const SurveyLiteral& literal, std::uint64_t most) const;
  std::string text_of(const Symbol& symbol, std::uint64_t most = kMostName) const;

  // ---- names ----
  std::uint64_t name_index(std::string module, std::string name);
  void push_name(std::string module, std::string name);
  void stack_global();
  void extension(std::uint64_t code);
  // `callee` is called with `arguments` (a tuple, or what is not known); its result is pushed.
  void call(const Symbol& callee, const Symbol& arguments);
  void note_call(std::uint64_t index, std::span<const Symbol> arguments);
  void use_as_value(const Symbol& symbol);
  // getattr(NAME, "attribute") is the name NAME.attribute.
  void take_attribute(std::uint64_t index, std::span<const Symbol> arguments);
  void build();

  // ---- literals ----
  void text(std::uint64_t offset, std::uint64_t size, Code code);
  void bytes(std::uint64_t offset, std::uint64_t size);
  void literal(const SurveyLiteral& literal, bool is_text);
  // Names that only Python's own machinery has a use for. In a model's settings they are texts like others.
  void look_for_inner(std::string_view text);

  // ---- opcodes (surveyor_steps.cc) ----
  std::uint64_t slot(std::string_view line);
  void get(std::uint64_t slot);
  void put(std::uint64_t slot);
  void integer(std::uint64_t size, std::optional<std::int64_t> value);
  void step();
  void interpret(PickleOp op, const Argument& read);
  void tuple(std::size_t count);

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
  LargeSlots large_slots_;
  SurveyNames names_{survey_};
  bool said_cycle_ = false, said_depth_ = false, said_key_ = false, said_encode_ = false, said_allocation_ = false,
       said_slot_ = false, said_buffer_ = false, said_persid_ = false, said_limit_ = false, said_keeps_ = false,
       said_state_ = false, said_literals_ = false;
};

}  // namespace transload::scanning
