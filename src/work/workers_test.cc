// The order that operations are taken in; and what a worker wrote to its operation's row stays
// there, however its step ends.
#include <gtest/gtest.h>

#include "os/test_folder.h"
#include "work/work.h"

namespace pinaco::work {
namespace {

class WorkersTest : public testing::Test {
 protected:
  // Each call notes in the row that it was here, and then fails as if a store were away.
  model::Operation run(int attempts_max) {
    WorkerOptions options{.attempts_max = attempts_max, .pause = Milliseconds(1)};
    options.other_tasks["advance"] = [&](const model::Operation& operation,
                                         const std::atomic<bool>&) -> Result<> {
      seen_.push_back(int_at(operation.input, "done"));
      TRY(model_.change("s", [&](model::Change& change) -> Result<> {
        auto row = *TRY(change.find_operation(operation.id));
        set_path(row.input, "done", int_at(row.input, "done") + 1);
        return change.put_operation(row);
      }));
      return fail(Kind::unavailable, "It is away.");
    };
    model::Operation operation;
    EXPECT_TRUE(model_.change("s", [&](model::Change& change) -> Result<> {
      operation = TRY(change.start({.resource = id_,
                                    .task = "advance",
                                    .surface = "capsOperations",
                                    .location = "westeurope"}));
      return change.put({.id = id_, .operation = operation.id});
    }));
    Workers workers(model_, depot_, options);
    workers.start();
    workers.drain();
    EXPECT_TRUE(model_.read("s", [&](const model::View& view) -> Result<> {
      operation = *TRY(view.find_operation(operation.id));
      return {};
    }));
    return operation;
  }

  const arm::ResourceId id_ = *arm::ResourceId::parse(
      "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/g");
  os::TestFolder folder_;
  std::unique_ptr<Random> random_ = seeded_random(1);
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, system_clock(), *random_};
  Depot depot_{{}, *Uploads::open(folder_ / "uploads"), *Uploads::open(folder_ / "blobs")};
  std::vector<std::int64_t> seen_;
};

TEST_F(WorkersTest, AFailedAttemptKeepsWhatItWrote) {
  const auto ended = run(3);
  EXPECT_EQ(seen_, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(ended.state, model::OperationState::failed);
  EXPECT_EQ(ended.attempts, 3);
  EXPECT_EQ(int_at(ended.input, "done"), 3);
}

TEST_F(WorkersTest, TheOldestIsTakenFirstOfWhateverSubscription) {
  ManualClock clock;
  model::Model model(*kv_, clock, *random_);
  std::vector<std::string> wanted;
  for (const std::string subscription : {"z", "a", "z", "m", "a"}) {
    clock.advance(Seconds(1));
    ASSERT_TRUE(model.change(subscription, [&](model::Change& change) -> Result<> {
      auto resource = id_;
      resource.subscription = subscription;
      wanted.push_back(TRY(change.start({.resource = resource,
                                         .task = "note",
                                         .surface = "capsOperations",
                                         .location = "westeurope"}))
                           .id);
      return {};
    }));
  }
  std::vector<std::string> taken;
  WorkerOptions options{.lanes = 1, .pause = Milliseconds(1)};
  options.other_tasks["note"] = [&](const model::Operation& operation,
                                    const std::atomic<bool>&) -> Result<> {
    taken.push_back(operation.id);
    return model.change(operation.resource.subscription, [&](model::Change& change) {
      auto ended = operation;
      ended.state = model::OperationState::succeeded;
      return change.put_operation(ended);
    });
  };
  Workers workers(model, depot_, options);
  workers.start();
  workers.drain();
  EXPECT_EQ(taken, wanted);
}

}  // namespace
}  // namespace pinaco::work
