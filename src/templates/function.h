// What a function of the language is: a row of a table. Each category has a file with its table.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "templates/evaluation.h"
#include "templates/expression.h"
#include "templates/node.h"

namespace pinaco::templates {

struct Function;

// A call whose arguments are there. They are the callee's: it may move them into its result.
struct Call {
  const Function& function;
  std::span<Json> arguments;
  Budget& budget;

  Json& operator[](std::size_t index) const { return arguments[index]; }
  std::size_t size() const { return arguments.size(); }
  std::string_view name() const;
  std::string_view text(std::size_t index) const { return arguments[index].get_string(); }
  std::int64_t integer(std::size_t index) const;
};

struct Function {
  std::string_view name;  // as the reference spells it
  // A letter a parameter: s text, i integer, b boolean, a array, o object, x anything. What comes
  // after ? may be left out; the last may be repeated: + once or more, * never or more.
  std::string_view parameters;
  Result<Json> (*pure)(Call& call) = nullptr;
  // Instead of pure: those that do not evaluate all of their arguments, or evaluate lambdas.
  Result<Json> (*lazy)(Evaluation& evaluation, const Node& call) = nullptr;
  // What it says of too few or too many arguments, where that is not what the others say.
  std::string_view wrong_count = {};
};

inline std::string_view Call::name() const {
  return function.name;
}

// By name in lower case; nullptr: not one of the language's own.
const Function* find_function(std::string_view lower_name);

std::span<const Function> logic_functions();
std::span<const Function> number_functions();
std::span<const Function> text_functions();
std::span<const Function> text_search_functions();
std::span<const Function> encoding_functions();
std::span<const Function> collection_functions();
std::span<const Function> array_functions();
std::span<const Function> object_functions();
std::span<const Function> lambda_functions();
std::span<const Function> date_functions();
std::span<const Function> network_functions();
std::span<const Function> id_functions();

// How many arguments it takes.
Result<> check_count(const Function& function, std::size_t count);
// Whether they have the types that it takes.
Result<> check_types(const Function& function, std::span<const Json> arguments);

// An integer as int64; nullopt: no integer, or one that does not fit.
std::optional<std::int64_t> integer_of(const Json& json);

// "The template language function 'x' expects its parameter<what>. The provided value is of type …"
std::unexpected<Error> wrong_types(const Call& call, std::string_view what);
// "Unable to evaluate template language function 'x': <why>. Please see …"
std::unexpected<Error> unable(const Call& call, std::string_view why);

// Whether the budget has room for as much, before it is made. The evaluation spends it afterwards.
Result<> check_room(const Budget& budget, std::uint64_t steps, std::uint64_t bytes);

}  // namespace pinaco::templates
