// DELETE of any resource: at once with its transaction, or by a worker.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/tracked.h"

namespace pinaco::provider {
namespace {

// Rows of the types right below, as "Microsoft.Compute/galleries/g/images/i".
Result<std::vector<std::string>> children_of(const model::View& view, const arm::ResourceId& id) {
  std::vector<std::string> names;
  for (const ResourceType& below : types()) {
    if (below.provider != id.provider || !below.type.starts_with(id.type() + "/")) continue;
    const auto rest = below.type.substr(id.type().size() + 1);
    if (rest.find('/') != std::string_view::npos) continue;
    const auto page = TRY(view.list(id.child(std::string(rest), ""), "", 5));
    for (const auto& row : page.rows) {
      const std::string text = row.id.text();
      names.push_back(text.substr(text.find("/providers/") + 11));
    }
  }
  return names;
}

Result<> erase_children(model::Change& change, const arm::ResourceId& id) {
  for (const ResourceType& below : types()) {
    if (below.provider != id.provider || !below.type.starts_with(id.type() + "/")) continue;
    const std::string rest(below.type.substr(id.type().size() + 1));
    if (rest.find('/') != std::string::npos) continue;
    for (const auto& row : TRY(change.list_all(id.child(rest, "")))) TRY(change.erase(row.id));
  }
  return {};
}

}  // namespace

Result<Outcome> delete_resource(const ResourceType& type, const Call& call) {
  Outcome outcome{.status = 204};
  bool more = false;
  const auto step = [&](model::Change& change) -> Result<> {
    outcome = Outcome{.status = 204};
    more = false;
    const auto current = TRY(change.find(call.id));
    if (!current) return {};
    // What is to be taken away need not come to be first.
    if (!current->operation.empty() &&
        ((type.remove_task.empty() && !type.preempts) || !TRY(model::preempt(change, *current)))) {
      return fail(busy_with(*current));
    }
    const auto children = TRY(children_of(change, current->id));
    if (!children.empty() && !type.with_children) {
      return fail(arm::error(
          Kind::conflict, "CannotDeleteResource",
          fmt::format("Cannot delete resource while nested resources exist. Some existing nested "
                      "resource IDs include: '{}'. Please delete all nested resources before "
                      "deleting this resource.",
                      join(children, ", "))));
    }
    TRY(access::check_locks(change, current->id.text(), true));
    if (type.removing != nullptr) TRY(type.removing(call, change, *current));
    const bool later = !type.remove_task.empty();
    if (!later) {
      more = TRY(model::erase_some_rules(change, current->id))
      == model::rules_a_step;
      if (more) return {};
    }
    outcome = Outcome{};
    if (!type.surface.empty()) {
      outcome.status = 202;
      outcome.location_header = true;
      outcome.operation = TRY(change.start(model::Operation{
          .resource = current->id,
          .task = std::string(type.remove_task),
          .surface = std::string(type.surface),
          .location = current->location,
          .state = later ? model::OperationState::in_progress : model::OperationState::succeeded}));
    }
    if (!later) {
      if (type.removed != nullptr) TRY(type.removed(call, change, *current));
      TRY(erase_children(change, current->id));
      return change.erase(current->id);
    }
    auto ending = TRY(change.get(current->id));
    ending.provisioning = "Deleting";
    ending.operation = outcome.operation->id;
    return change.put(ending);
  };
  // Every step asks again whether it may go; what ends in between has fewer rights on it, not more.
  do {
    TRY(call.model.change(call.id.subscription, step));
  } while (more);
  return outcome;
}

}  // namespace pinaco::provider
