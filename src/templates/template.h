// Templates: what a deployment template says, once its parameters are known. Its resources are laid
// out as a plan (loops unrolled, conditions decided, order found); bodies and outputs are evaluated
// later, when what they refer to is there.
//
// Source: ARM's published template syntax. Both forms of `resources` are taken: the list, and the
// object of symbolic names (languageVersion 2.0). Threads: one at a time. Lifetime: a Template
// keeps its JSON; the plan's pointers go into it. Limits below. Errors: invalid, with
// InvalidTemplate, the resource or path, and what is wrong.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "templates/expression.h"

namespace pinaco::templates {

// ARM's limits on a template.
inline constexpr std::size_t resources_max = 800;  // after unrolling
inline constexpr std::size_t parameters_max = 256;
inline constexpr std::size_t variables_max = 256;
inline constexpr std::size_t outputs_max = 64;
inline constexpr int copies_max = 800;
inline constexpr int nesting_max = 20;  // user functions in user functions, variables in variables

// Where a template is deployed, and what its functions say of that. Scopes are as ids are written:
// "/subscriptions/s/resourceGroups/g"; the tenant's is empty.
struct Surroundings {
  std::string scope;
  std::string tenant;            // its id
  std::string subscription;      // its id; empty above subscriptions
  std::string group;             // its name; empty above groups
  std::string management_group;  // its name; empty elsewhere
  // What deployment(), subscription(), … answer; null where the function is not allowed.
  Json deployment = nullptr;
  Json subscription_shown = nullptr;
  Json group_shown = nullptr;
  Json tenant_shown = nullptr;
  Json management_group_shown = nullptr;
  Json environment = nullptr;
  Json deployer = nullptr;
  WallTime now = {};         // utcNow()
  std::uint64_t chance = 0;  // newGuid(): the same for the same call of one deployment
};

// What only the deployed world can answer. Without one, functions that ask it are errors.
class Runtime {
 public:
  virtual ~Runtime() = default;
  // The resource as a GET shows it.
  virtual Result<Json> get(const std::string& id, const std::string& api_version) = 0;
  // POST of an action whose name begins with "list".
  virtual Result<Json> list(const std::string& action, const std::string& id,
                            const std::string& api_version, const Json& body) = 0;
  // A row of the providers list, or a type of it.
  virtual Result<Json> provider(const std::string& name) = 0;
};

// A value of each loop around a text, by the loop's name; the innermost one last.
struct Loop {
  std::string name;
  std::int64_t index = 0;
};

// One resource, with its names known.
struct Planned {
  std::string symbol;  // "vm", or "vm[2]"; empty without symbolic names
  std::string path;    // "resources[2]", for messages
  std::string type;    // "Microsoft.Compute/galleries/images"
  std::string name;    // "g/debian"
  std::string api_version;
  std::string id;                       // where it is put
  std::string loop;                     // the name of its copy loop
  bool wanted = true;                   // its condition
  bool existing = false;                // only referred to
  std::vector<std::size_t> after = {};  // those that must have ended before, ascending
  const JsonObject* source = nullptr;
  std::vector<Loop> loops = {};
  std::size_t parent = none;  // of one that stands inside another
  static constexpr std::size_t none = ~std::size_t{};

  bool is_deployment() const;
};

class TemplateScope;

class Template {
 public:
  // `parameters`: {"name": {"value": …}}, as a deployment has them.
  static Result<std::unique_ptr<Template>> load(Json text, const Json& parameters,
                                                Surroundings surroundings);
  ~Template();

  const std::vector<Planned>& plan() const { return plan_; }
  // The body to put: without type, name, apiVersion and what only the plan needs. A nested
  // template whose expressions are its own (scope "inner") stays as it is.
  Result<Json> body(std::size_t index, Runtime* runtime);
  // {"name": {"type", "value"}}; secure ones without a value.
  Result<Json> outputs(Runtime* runtime);

  // {"name": {"type", "value"}} for people: secure ones without a value.
  Json shown_parameters() const;
  // {"name": {"value"}} of all, defaults too: loading with them gives the same again.
  Json kept_parameters() const;
  // Stars in place of every text of a secure parameter, wherever it stands; of 200 texts of at
  // least four bytes.
  void hide_secrets(Json& json) const;
  const Json& text() const { return text_; }
  const Surroundings& surroundings() const { return surroundings_; }

 private:
  friend class TemplateScope;
  struct Parameter {
    std::string type;  // as ARM shows it: "String", "SecureString", …
    Json value = nullptr;
    bool secure = false;
  };
  struct Function;
  using Loops = std::vector<Loop>;

  explicit Template(Json text, Surroundings surroundings);
  // template.cc
  Result<> check_shape();
  Result<Json> nested_of(const JsonObject& properties, const Loops& loops, Runtime* runtime,
                         const std::string& path);
  // variables.cc
  Result<> take_functions();
  Result<> take_variables();
  Result<Json> variable(std::string_view name);
  Result<Json> call_function(std::string_view name, std::span<const Json> arguments);
  // parameters.cc
  Result<> take_parameters(const Json& given);
  Result<> take_parameter(const std::string& name, const Json& declared, const Json* given);
  Result<> check_value(std::string_view name, const JsonObject& declared, const Json& value);
  // values.cc
  Result<const Expression*> parsed(std::string_view text);
  Result<Json> text_in(std::string_view text, Scope& scope, const std::string& path);
  Result<Json> value_in(const Json& json, Scope& scope, TemplateScope* loops,
                        const std::string& path);
  Result<Json> object_in(const JsonObject& object, Scope& scope, TemplateScope* loops,
                         const std::string& path);
  Result<> unroll(const JsonArray& copies, TemplateScope& scope, const std::string& path,
                  JsonObject& into);
  Result<Json> unrolled(const JsonObject& copy, std::string_view name, TemplateScope& scope,
                        const std::string& path);
  Result<int> count_of(const JsonObject& copy, TemplateScope& scope, const std::string& path);
  Result<Json> value_of(const Json& json, const Loops& loops, Runtime* runtime,
                        const std::string& path);
  Result<std::string> string_of(const JsonObject& object, std::string_view member,
                                const Loops& loops, const std::string& path);
  // plan.cc
  Result<> lay_out();
  Result<> lay_out(const Json& resource, const std::string& path, const std::string& symbol,
                   std::size_t parent);
  Result<> lay_out_one(const JsonObject& resource, const std::string& path,
                       const std::string& symbol, std::size_t parent, const Loops& loops,
                       const std::string& loop);
  Result<> lay_out_children(const Json& children, std::size_t parent);
  Result<std::string> id_of(const Planned& planned, const JsonObject& resource, const Loops& loops);
  Result<std::string> scope_of(const Planned& planned, const JsonObject& resource,
                               const Loops& loops);
  Result<std::string> whole_scope(const std::string& own, std::string_view path) const;
  static bool names_an_extension(const Planned& planned);
  static std::string provider_part_of(const Planned& planned);
  // order.cc
  Result<> find_order();
  Result<> depend_on(std::size_t index, const std::string& wanted);
  void depend_on_references(std::size_t index);
  void depend_on_expression(std::size_t index, const Json& json);
  std::vector<std::size_t> find_planned(std::string_view wanted) const;
  Result<> check_circles() const;

  Json text_;
  const JsonObject* root_ = nullptr;
  Surroundings surroundings_;
  Budget budget_;
  std::map<std::string, Parameter, std::less<>> parameters_;  // by name in lower case
  std::vector<std::pair<std::string, std::string>> names_;    // as declared -> lower case
  std::map<std::string, Json, std::less<>> variables_;        // evaluated, by lower case
  std::map<std::string, const Json*, std::less<>> declared_variables_;
  std::map<std::string, const JsonObject*, std::less<>> copied_variables_;
  std::set<std::string, std::less<>> evaluating_;
  std::map<std::string, Function, std::less<>> functions_;
  std::unordered_map<std::string, std::unique_ptr<Expression>> expressions_;
  std::vector<Planned> plan_;
  std::unordered_map<std::string, std::vector<std::size_t>> found_by_;  // lower names and ids
  std::set<std::string, std::less<>> empty_;  // loops without a turn: nobody waits for them
  bool loading_parameters_ = false;
  bool for_inside_ = false;  // evaluating a nested template whose expressions are ours
  int nesting_ = 0;
  int guids_ = 0;
};

}  // namespace pinaco::templates
