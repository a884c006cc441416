// What a gallery or a definition has in it, and what keeps that from being deleted.
#include <fmt/format.h>

#include <mutex>
#include <shared_mutex>

#include "access/access.h"
#include "base/text.h"
#include "lifecycle/lifecycle.h"

namespace pinaco::lifecycle {
namespace {

constexpr std::string_view type_prefix = "Microsoft.Compute/galleries";

CascadeOptions options_of(const model::Operation& operation) {
  return {.for_good = bool_at(operation.input, "forGood"),
          .in_use = bool_at(operation.input, "inUse")};
}

class CascadePlanner {
 public:
  CascadePlanner(const provider::Call& call, const model::View& view, const Users& users,
                 CascadeOptions options)
      : call_(call), view_(view), users_(users), options_(options) {}

  Result<CascadePlan> plan(const arm::ResourceId& id);

 private:
  // A right on all that is below, or else on each.
  struct Right {
    std::string action;
    bool everywhere = false;
  };
  Result<Right> right_to_delete(std::string_view below);
  Result<> check_right(const Right& right, const arm::ResourceId& id);
  Result<> check_locks();
  Result<> add_definition(const model::Resource& gallery, const arm::ResourceId& definition);
  Result<> add_version(const model::Resource& version);
  void add(arm::ResourceId id, std::string code, std::string why);

  const provider::Call& call_;
  const model::View& view_;
  const Users& users_;
  CascadeOptions options_;
  CascadePlan plan_;
  Right definitions_;
  Right versions_;
};

void CascadePlanner::add(arm::ResourceId id, std::string code, std::string why) {
  if (plan_.obstacles_found++ >= obstacles_max) return;
  plan_.obstacles.push_back({.id = std::move(id), .code = std::move(code), .why = std::move(why)});
}

Result<CascadePlanner::Right> CascadePlanner::right_to_delete(std::string_view below) {
  Right right{.action = fmt::format("{}{}/delete", type_prefix, below)};
  right.everywhere = TRY(call_.access.allows(call_.caller, right.action, plan_.top.id.text()));
  return right;
}

Result<> CascadePlanner::check_right(const Right& right, const arm::ResourceId& id) {
  if (right.everywhere) return {};
  const auto may = call_.access.may(call_.caller, right.action, id.text());
  if (may) return {};
  if (may.error().kind != Kind::denied) return may;
  add(id, arm::error_code(may.error()), may.error().message);
  return {};
}

// Those on it and above it, and each one below.
Result<> CascadePlanner::check_locks() {
  const auto top = plan_.top.id.key();
  const auto unlocked = access::check_locks(view_, plan_.top.id.text(), true);
  if (unlocked) return {};
  if (unlocked.error().code != "ScopeLocked") return unlocked;
  const auto before = plan_.obstacles_found;
  for (const auto& lock : TRY(access::read_locks(view_))) {
    const auto scope = to_lower(lock.scope);
    if (scope != top && !scope.starts_with(top + "/")) continue;
    add(plan_.top.id, "ScopeLocked",
        fmt::format("The lock '{}' on '{}' forbids it. Remove it "
                    "first.",
                    lock.name, lock.scope));
  }
  // Above it.
  if (plan_.obstacles_found == before) add(plan_.top.id, "ScopeLocked", unlocked.error().message);
  return {};
}

Result<> CascadePlanner::add_version(const model::Resource& version) {
  TRY(check_right(versions_, version.id));
  plan_.versions++;
  if (auto why = provider::blocked_until_its_end(version, call_.model.clock().now());
      !why.empty()) {
    add(version.id, "OperationNotAllowed", std::move(why));
  }
  if (options_.in_use) return {};
  const auto sees = [&](const arm::ResourceId& id) { return call_.may_read(id).value_or(false); };
  if (const auto user = users_.of(version.id, sees); !user.empty()) {
    add(version.id, "OperationNotAllowed", in_use(version.id, user));
  }
  return {};
}

Result<> CascadePlanner::add_definition(const model::Resource& gallery,
                                        const arm::ResourceId& definition) {
  TRY(check_right(definitions_, definition));
  const bool keeps = provider::keeps_deleted(gallery) && !options_.for_good;
  bool stays = false;
  std::size_t kept_here = 0;
  for (const auto& version : TRY(view_.list_all(definition.child("versions", "")))) {
    TRY(add_version(version));
    const bool kept = keeps && bool_at(version.internal, "created");
    stays = stays || kept;
    if (kept) plan_.restorable++;
    if (kept) kept_here++;
    (kept ? plan_.kept : plan_.gone).push_back(version.id);
  }
  for (const auto& [name, fact] : TRY(view_.facts(recycled_prefix(definition)))) {
    const auto version = definition.child("versions", name.substr(name.rfind('/') + 1));
    stays = stays || keeps;
    if (keeps) kept_here++;
    (keeps ? plan_.kept : plan_.gone).push_back(version);
    if (!keeps) plan_.recycled++;
  }
  (stays ? plan_.staying : plan_.definitions)++;
  if (kept_here > provider::recycled_max) {
    add(definition, "OperationNotAllowed",
        fmt::format("Soft delete would keep {} versions of the image definition '{}', and it keeps "
                    "{} at most. Delete some of them for good first, or all.",
                    kept_here, definition.nested_name(), provider::recycled_max));
  }
  return {};
}

Result<CascadePlan> CascadePlanner::plan(const arm::ResourceId& id) {
  plan_.top = TRY(view_.get(id));
  if (plan_.top.provisioning == "Deleting") {
    plan_.operation = TRY(view_.find_operation(plan_.top.operation));
  }
  if (plan_.operation) options_ = options_of(*plan_.operation);
  plan_.options = options_;
  const bool whole = id.types.size() == 1;
  const auto gallery = TRY(view_.get(whole ? id : id.parent()));
  definitions_ = TRY(right_to_delete("/images"));
  versions_ = TRY(right_to_delete("/images/versions"));
  TRY(provider::check_group_stays(view_, id));
  TRY(check_locks());
  if (whole) {
    TRY(check_right(TRY(right_to_delete("")), gallery.id));
    if (auto why = provider::shared_with_whom(gallery); !why.empty()) {
      add(gallery.id, "OperationNotAllowed", std::move(why));
    }
    for (const auto& definition : TRY(view_.list_all(gallery.id.child("images", "")))) {
      TRY(add_definition(gallery, definition.id));
    }
  } else {
    TRY(add_definition(gallery, plan_.top.id));
  }
  plan_.restorable_until = provider::recycled_until(gallery, call_.model.clock().now());
  return std::move(plan_);
}

Error refusal(const CascadePlan& plan) {
  const char* what = plan.operation ? "is being deleted already, and you cannot ask for it"
                                    : "was not deleted, and nothing in it";
  auto error =
      arm::error(Kind::conflict, "OperationNotAllowed",
                 fmt::format("'{}' {}: {} thing(s) stand in the way, of which the first is: {}",
                             plan.top.id.nested_name(), what, plan.obstacles_found,
                             plan.obstacles.front().why));
  bool denied = true;
  for (const auto& each : plan.obstacles) {
    denied = denied && each.code == "AuthorizationFailed";
    error.details.push_back(arm::error(Kind::conflict, each.code, each.why, each.id.text()));
  }
  if (denied) {
    error.kind = Kind::denied;
    error.code = "AuthorizationFailed";
  }
  return error;
}

// Who asks for something else than what is under way is told so, and not that it was begun.
Result<> check_same(const CascadePlan& plan, CascadeOptions wanted) {
  const auto& running = plan.options;
  if (running.for_good == wanted.for_good && running.in_use == wanted.in_use) return {};
  return fail(arm::error(
      Kind::conflict, "OperationNotAllowed",
      fmt::format("'{}' is being deleted already, with forGood {} and inUse {}; you asked for it "
                  "with forGood {} and inUse {}. Wait until that has ended, and delete what is "
                  "left.",
                  plan.top.id.nested_name(), running.for_good, running.in_use, wanted.for_good,
                  wanted.in_use)));
}

}  // namespace

std::string in_use(const arm::ResourceId& version, std::string_view user) {
  return fmt::format("The image version '{}' is in use: {} was made of it.", version.nested_name(),
                     user);
}

Result<CascadePlan> Cascade::plan(const provider::Call& call, const arm::ResourceId& id,
                                  CascadeOptions options) const {
  const auto users = TRY(Users::find(model_));
  std::optional<CascadePlan> plan;
  TRY(model_.read(id.subscription, [&](const model::View& view) -> Result<> {
    plan = TRY(CascadePlanner(call, view, users, options).plan(id));
    return {};
  }));
  return std::move(*plan);
}

Result<model::Operation> Cascade::start(const provider::Call& call, const arm::ResourceId& id,
                                        CascadeOptions options) {
  // What is made of a version in another subscription is in its row, or looks for it afterwards.
  const std::unique_lock crossing(model_.crossing());
  const auto users = TRY(Users::find(model_));
  std::optional<model::Operation> operation;
  TRY(model_.change(id.subscription, [&](model::Change& change) -> Result<> {
    auto plan = TRY(CascadePlanner(call, change, users, options).plan(id));
    if (plan.obstacles_found > 0) return fail(refusal(plan));
    // Asked for again, say after a lost answer.
    if (plan.operation) {
      TRY(check_same(plan, options));
      operation = std::move(plan.operation);
      return {};
    }
    const bool gallery_goes = plan.top.id.types.size() == 1 && plan.staying == 0;
    const auto total = plan.versions + plan.definitions + (gallery_goes ? 1 : 0);
    operation = TRY(change.start(model::Operation{.resource = plan.top.id,
                                                  .task = std::string(cascade_task),
                                                  .surface = "capsOperations",
                                                  .location = plan.top.location,
                                                  .input = JsonObject{{"forGood", options.for_good},
                                                                      {"inUse", options.in_use},
                                                                      {"by", call.caller.name},
                                                                      {"total", total},
                                                                      {"done", 0}}}));
    plan.top.provisioning = "Deleting";
    plan.top.operation = operation->id;
    return change.put(plan.top);
  }));
  return std::move(*operation);
}

}  // namespace pinaco::lifecycle
