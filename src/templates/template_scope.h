// What expressions of a template can ask: its parameters and variables, loops, where it is
// deployed, and, with a Runtime, what is deployed. Inside this room only.
#pragma once

#include "templates/template.h"

namespace pinaco::templates {

class TemplateScope final : public Scope {
 public:
  TemplateScope(Template& whole, const std::vector<Loop>& loops, Runtime* runtime)
      : template_(whole), loops_(loops), of_resource_(loops.size()), runtime_(runtime) {}

  void enter(Loop loop) { loops_.push_back(std::move(loop)); }
  void leave() { loops_.pop_back(); }

  std::optional<Result<Json>> call(std::string_view name, std::span<const Json> arguments) override;

 private:
  using Arguments = std::span<const Json>;
  Result<Json> parameter(Arguments arguments);
  Result<Json> copy_index(Arguments arguments);
  Result<Json> resource_id(Arguments arguments);
  Result<Json> subscription_resource_id(Arguments arguments);
  Result<Json> reference(Arguments arguments);
  Result<Json> list(std::string_view name, Arguments arguments);
  Result<Json> resource_info(Arguments arguments);
  Result<Json> utc_now(Arguments arguments);
  Result<Json> new_guid();
  Result<Json> zones(Arguments arguments);
  // What a name or id stands for: of this template, or an id outside it.
  const Planned* planned(std::string_view wanted) const;

  Template& template_;
  std::vector<Loop> loops_;
  const std::size_t of_resource_;  // how many of them are not of properties
  Runtime* runtime_;
};

}  // namespace pinaco::templates
