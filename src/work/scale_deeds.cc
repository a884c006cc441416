// What is done to many instances: each has an operation of its own, and remembers whose wish it
// was.
#include <fmt/format.h>

#include "base/text.h"
#include "work/scale_sets.h"

namespace pinaco::work {
namespace {

constexpr std::size_t rows_a_step = 200;

std::string_view power_of(std::string_view task) {
  if (task == "power_off_machine") return "stopping";
  if (task == "deallocate_machine") return "deallocating";
  if (task == "delete_machine") return "";
  return "starting";
}

// Starts it, unless another operation must end first.
Result<> begin(model::Change& change, const model::Operation& operation, const arm::ResourceId& id,
               const Deed& deed) {
  auto row = TRY(change.find(id));
  if (!row || string_at(row->internal, "deed") == deed_of(operation, deed.task)) return {};
  if (!row->operation.empty()) {
    if (deed.task != "delete_machine" || !TRY(model::preempt(change, *row))) return {};
  }
  set_path(row->internal, "deed", deed_of(operation, deed.task));
  if (deed.leaves) TRY(model::leave_set(change, *row));
  // There is nothing to switch off.
  if (deed.task == "power_off_machine" && string_at(row->internal, "power") == "deallocated") {
    return change.put(*row);
  }
  const auto mine = TRY(change.start(model::Operation{.resource = row->id,
                                                      .task = deed.task,
                                                      .surface = "operations",
                                                      .location = row->location,
                                                      .input = deed.input}));
  row->operation = mine.id;
  row->provisioning = deed.task == "delete_machine" ? "Deleting" : "Updating";
  set_path(row->internal, "by", mine.id);
  const auto power = power_of(deed.task);
  if (!power.empty()) set_path(row->internal, "power", power);
  return change.put(*row);
}

// What its own operation said when it failed.
Result<Error> failure_of(const model::View& view, const model::Resource& instance) {
  const auto ended = TRY(view.find_operation(string_at(instance.internal, "by")));
  const std::string code = ended && !ended->error_code.empty() ? ended->error_code : "Failed";
  return arm::error(Kind::conflict, code,
                    fmt::format("Instance {}: {}", name_of(instance),
                                ended ? ended->error_message : "its operation failed."));
}

}  // namespace

std::string deed_of(const model::Operation& operation, std::string_view task) {
  return fmt::format("{} {}", operation.id, task);
}

Result<> do_to_each(Bench& bench, const model::Operation& operation,
                    const std::vector<model::Resource>& instances, const Deed& deed) {
  bool waits = false;
  const auto& subscription = operation.resource.subscription;
  for (std::size_t at = 0; at < instances.size(); at += rows_a_step) {
    if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
    const auto end = std::min(instances.size(), at + rows_a_step);
    bool fresh = false;
    for (std::size_t i = at; i < end; i++) {
      const auto& row = instances[i];
      const bool mine = string_at(row.internal, "deed") == deed_of(operation, deed.task);
      fresh = fresh || !mine;
      waits = waits || (mine && !row.operation.empty());
    }
    if (!fresh) continue;
    waits = true;
    TRY(bench.model.change(subscription, [&](model::Change& change) -> Result<> {
      for (std::size_t i = at; i < end; i++) {
        TRY(begin(change, operation, instances[i].id, deed));
      }
      return {};
    }));
  }
  if (waits) return fail(later("Instances are being worked on."));
  std::optional<Error> failed;
  TRY(bench.model.read(subscription, [&](const model::View& view) -> Result<> {
    for (const auto& row : instances) {
      if (failed || row.provisioning != "Failed") continue;
      failed = TRY(failure_of(view, row));
    }
    return {};
  }));
  if (failed) return fail(std::move(*failed));
  return {};
}

Result<std::vector<model::Resource>> read_instances(Bench& bench, const model::Resource& set) {
  std::vector<model::Resource> rows;
  TRY(bench.model.read(set.id.subscription, [&](const model::View& view) -> Result<> {
    rows = TRY(model::list_instances(view, set));
    return {};
  }));
  return rows;
}

}  // namespace pinaco::work
