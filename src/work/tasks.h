// The tasks an operation may name, as steps: each may be cut anywhere and repeated from its
// start, and then finds what is done. Inside this room only.
#pragma once

#include "work/work.h"

namespace pinaco::work {

// What a task may use.
struct Bench {
  model::Model& model;
  Depot& depot;
  const WorkerOptions& options;
  const std::atomic<bool>& ending;
};

Result<> import_upload(Bench& bench, const model::Operation& operation);
Result<> write_empty_disk(Bench& bench, const model::Operation& operation);
Result<> replicate_version(Bench& bench, const model::Operation& operation);
Result<> delete_group(Bench& bench, const model::Operation& operation);

// Ends an operation in the transaction that also writes what it did.
Result<> finish(model::Change& change, const model::Operation& operation);
// The same with an error; the resource stays as it is but for its state.
Result<> finish_failed(Bench& bench, const model::Operation& operation, const Error& error);

Result<store::Swept> sweep_regions(Bench& bench);

}  // namespace pinaco::work
