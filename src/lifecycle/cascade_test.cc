// A gallery that is deleted with all that is in it, in steps that end anywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lifecycle/lifecycle_testing.h"

namespace pinaco::lifecycle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::atomic<bool> going_on = false;

class CascadeTest : public testing::Test, protected Ground {
 protected:
  // As start() leaves it.
  model::Operation begin(const arm::ResourceId& top, bool for_good = false, bool in_use = false) {
    model::Operation operation;
    must(model.change(subscription, [&](model::Change& change) -> Result<> {
      operation = TRY(change.start(
          {.resource = top,
           .task = std::string(cascade_task),
           .surface = "capsOperations",
           .location = "westeurope",
           .input =
               JsonObject{{"forGood", for_good}, {"inUse", in_use}, {"by", "ann"}, {"total", 5}}}));
      auto row = TRY(change.get(top));
      row.provisioning = "Deleting";
      row.operation = operation.id;
      return change.put(row);
    }));
    return operation;
  }
  model::Operation end_of(const model::Operation& operation) {
    model::Operation now;
    must(model.read(subscription, [&](const model::View& view) -> Result<> {
      now = *TRY(view.find_operation(operation.id));
      return {};
    }));
    return now;
  }
  void fill(int definitions, int versions) {
    for (int d = 0; d < definitions; d++) {
      must(model.change(subscription, [&](model::Change& change) -> Result<> {
        const auto id = gallery.child("images", fmt::format("d{}", d));
        TRY(change.put({.id = id, .location = "westeurope"}));
        for (int v = 0; v < versions; v++) {
          TRY(change.put({.id = id.child("versions", fmt::format("{}.0.0", v)),
                          .location = "westeurope",
                          .internal = JsonObject{{"created", true}}}));
        }
        return {};
      }));
    }
  }
  // No version without its definition, no definition without its gallery, and all are counted.
  void check_whole() {
    must(model.read(subscription, [&](const model::View& view) -> Result<> {
      EXPECT_EQ(TRY(view.counts()), TRY(view.recount()));
      for (const auto& row : TRY(view.list_group(gallery.group))) {
        const bool nested = row.id.types.size() > 1;
        EXPECT_TRUE(!nested || TRY(view.find(row.id.parent()))) << row.id.text();
      }
      return {};
    }));
  }
  bool is_there(const arm::ResourceId& id) { return model.find(id)->has_value(); }
  void soft_delete() {
    must(model.change(subscription, [&](model::Change& change) -> Result<> {
      auto row = TRY(change.get(gallery));
      set_path(row.properties, "softDeletePolicy.isSoftDeleteEnabled", true);
      return change.put(row);
    }));
  }

  Cascade cascade{model};
};

TEST_F(CascadeTest, EachStepMayBeTheLastOfItsServer) {
  put("g");
  fill(3, 100);
  const auto operation = begin(gallery);
  int steps = 0;
  while (is_there(gallery)) {
    Cascade anew(model);
    Cascade::Progress progress;
    must(anew.step(operation, progress));
    check_whole();
    ASSERT_LT(++steps, 40);
  }
  EXPECT_GT(steps, 3);
  EXPECT_EQ(end_of(operation).state, model::OperationState::succeeded);
  EXPECT_EQ(deeds().size(), 304u);
}

TEST_F(CascadeTest, SaysWhoDeletedWhat) {
  for (const char* row : {"g", "d", "1.0.0"}) put(row);
  must(cascade.run(begin(definition), going_on));
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_TRUE(is_there(gallery));
  EXPECT_THAT(deeds(), ElementsAre(HasSubstr("versions/delete 1.0.0 by Pinaco: it was in 'g/d', "
                                             "which is deleted"),
                                   HasSubstr("images/delete d")));
}

TEST_F(CascadeTest, ALockThatComesLaterStopsItAndTheRestStays) {
  put("g");
  fill(2, 100);
  const auto operation = begin(gallery);
  Cascade::Progress progress;
  must(cascade.step(operation, progress));
  const auto locked = gallery.child("images", "d1");
  lock(locked.child("versions", "99.0.0").text());
  must(cascade.run(operation, going_on));
  const auto ended = end_of(operation);
  EXPECT_EQ(ended.state, model::OperationState::failed);
  EXPECT_EQ(ended.error_code, "ScopeLocked");
  EXPECT_THAT(ended.error_message, HasSubstr("the rest is as it was"));
  EXPECT_TRUE(is_there(locked.child("versions", "0.0.0")));
  const auto row = model.get(gallery);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->provisioning, "Succeeded");
  EXPECT_EQ(row->operation, "");
  check_whole();
}

TEST_F(CascadeTest, AMachineThatIsMadeMeanwhileKeepsItsVersion) {
  put("g");
  fill(2, 100);
  const auto operation = begin(gallery);
  Cascade::Progress progress;
  must(cascade.step(operation, progress));
  const auto version = gallery.child("images", "d1").child("versions", "99.0.0");
  auto machine = gallery;
  machine.types = {"virtualMachines"};
  machine.names = {"web"};
  must(model.change(subscription, [&](model::Change& change) {
    auto disk = gallery;
    disk.types = {"disks"};
    disk.names = {"web"};
    return change.put(
        {.id = disk,
         .internal = JsonObject{{"image", version.text()}, {"managedBy", machine.text()}}});
  }));
  must(cascade.run(operation, going_on));
  const auto ended = end_of(operation);
  EXPECT_EQ(ended.state, model::OperationState::failed);
  EXPECT_EQ(ended.error_code, "OperationNotAllowed");
  EXPECT_THAT(ended.error_message,
              HasSubstr("The image version 'g/d1/99.0.0' is in use: a machine was made of it. "
                        "Deleting stopped there"));
  EXPECT_TRUE(is_there(version));
  EXPECT_FALSE(is_there(gallery.child("images", "d0")));
  const auto row = model.get(gallery);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->provisioning, "Succeeded");
  check_whole();
  // Unless it may go.
  must(cascade.run(begin(gallery, false, true), going_on));
  EXPECT_FALSE(is_there(gallery));
}

TEST_F(CascadeTest, WhatSoftDeleteKeepsKeepsItsDefinitionAndTheGallery) {
  for (const char* row : {"g", "d", "1.0.0", "2.0.0 failed"}) put(row);
  fill(1, 0);
  soft_delete();
  must(cascade.run(begin(gallery), going_on));
  EXPECT_THAT(names(), ElementsAre("d"));  // d0 had nothing that can be restored
  EXPECT_EQ(model.get(gallery)->provisioning, "Succeeded");
  must(model.read(subscription, [&](const model::View& view) -> Result<> {
    EXPECT_EQ(TRY(view.facts(recycled_prefix(definition))).size(), 1u);
    return {};
  }));
  // And again changes nothing.
  const auto again = begin(gallery);
  must(cascade.run(again, going_on));
  EXPECT_EQ(end_of(again).state, model::OperationState::succeeded);
  EXPECT_THAT(names(), ElementsAre("d"));
  must(cascade.run(begin(gallery, true), going_on));
  EXPECT_FALSE(is_there(gallery));
  must(model.read(subscription, [&](const model::View& view) -> Result<> {
    EXPECT_THAT(TRY(view.facts("recycled/")), IsEmpty());
    return {};
  }));
}

TEST_F(CascadeTest, AVersionThatIsBeingMadeIsNotWaitedFor) {
  for (const char* row : {"g", "d", "1.0.0"}) put(row);
  const auto version = definition.child("versions", "1.0.0");
  model::Operation making;
  must(model.change(subscription, [&](model::Change& change) -> Result<> {
    making = TRY(change.start({.resource = version,
                               .task = "replicate_version",
                               .surface = "capsOperations",
                               .location = "westeurope"}));
    auto row = TRY(change.get(version));
    row.operation = making.id;
    row.provisioning = "Updating";
    return change.put(row);
  }));
  must(cascade.run(begin(gallery), going_on));
  EXPECT_FALSE(is_there(gallery));
  EXPECT_EQ(end_of(making).error_code, "OperationPreempted");
}

TEST_F(CascadeTest, TheLastAttemptEndsItAndTheRestIsAsItWas) {
  for (const char* row : {"g", "d", "1.0.0"}) put(row);
  const auto version = definition.child("versions", "1.0.0");
  must(model.change(subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(version));
    row.operation = TRY(change.start({.resource = version,
                                      .task = "capture_contents",
                                      .surface = "capsOperations",
                                      .location = "westeurope"}))
    .id;
    return change.put(row);
  }));
  auto operation = begin(gallery);
  const auto later = cascade.run(operation, going_on);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().kind, Kind::busy);
  EXPECT_EQ(end_of(operation).state, model::OperationState::in_progress);
  operation.attempts = 5;
  const auto last = cascade.run(operation, going_on);
  ASSERT_TRUE(last) << last.error().message;
  EXPECT_EQ(end_of(operation).state, model::OperationState::failed);
  EXPECT_THAT(end_of(operation).error_message, HasSubstr("the rest is as it was"));
  EXPECT_EQ(model.get(gallery)->provisioning, "Succeeded");
  EXPECT_EQ(model.get(gallery)->operation, "");
  EXPECT_TRUE(is_there(version));
}

TEST_F(CascadeTest, OneOfADefinitionEndsWhenItsGalleryGoes) {
  for (const char* row : {"g", "d", "1.0.0"}) put(row);
  const auto of_definition = begin(definition);
  must(cascade.run(begin(gallery), going_on));
  EXPECT_FALSE(is_there(gallery));
  EXPECT_EQ(end_of(of_definition).error_code, "OperationPreempted");
  must(cascade.run(of_definition, going_on));  // a worker that was at it
  EXPECT_EQ(end_of(of_definition).error_code, "OperationPreempted");
}

TEST_F(CascadeTest, ThousandsOfRulesOnAVersionGoInSeveralSteps) {
  for (const char* row : {"g", "d", "1.0.0"}) put(row);
  const auto version = definition.child("versions", "1.0.0").text();
  for (int i = 0; i < 3; i++) {
    must(model.change(subscription, [&](model::Change& change) -> Result<> {
      for (int each = 0; each < 500; each++) {
        TRY(access::put_rule(change, access::RoleAssignment{.id = random->uuid(),
                                                            .tenant = tenant,
                                                            .scope = version,
                                                            .role = {},
                                                            .principal = random->uuid(),
                                                            .principal_type = "User"}));
      }
      return {};
    }));
  }
  must(cascade.run(begin(gallery), going_on));
  EXPECT_FALSE(is_there(gallery));
}

TEST_F(CascadeTest, AServerThatStopsGoesOnLater) {
  put("g");
  fill(2, 100);
  const auto operation = begin(gallery);
  const std::atomic<bool> ending = true;
  const auto cut = cascade.run(operation, ending);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, Kind::cancelled);
  EXPECT_EQ(end_of(operation).state, model::OperationState::in_progress);
  must(cascade.run(operation, going_on));
  EXPECT_FALSE(is_there(gallery));
}

}  // namespace
}  // namespace pinaco::lifecycle
