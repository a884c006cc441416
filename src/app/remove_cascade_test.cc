// `pinaco delete --cascade`, against a whole server.
#include "app/remove_cascade.h"

#include <gmock/gmock.h>

#include "app/gallery_testing.h"
#include "app/people_testing.h"

namespace pinaco::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RemoveCascade : public GalleryTest {
 protected:
  Result<> run(const DeleteOptions& options, const AskUser& ask = {}) {
    return remove(options, terminal_.connection, ask, terminal_.console);
  }
  std::int64_t frees(const std::string& path) {
    const auto told =
        server_.must("GET", fmt::format("/pinaco/v1/deletions?id={}/galleries/{}", compute_, path));
    return int_at(told.body, "frees.bytes");
  }
  // The gallery on its way out; nothing works on it, so that it stays so until it is ended.
  model::Operation begun() {
    model::Operation operation;
    const auto marked = server_.parts().model->change(
        gallery_.subscription, [&](model::Change& change) -> Result<> {
          operation = TRY(change.start({.resource = gallery_,
                                        .task = "",
                                        .surface = "capsOperations",
                                        .location = "westeurope",
                                        .input = JsonObject{{"total", 4}}}));
          auto row = TRY(change.get(gallery_));
          row.provisioning = "Deleting";
          row.operation = operation.id;
          return change.put(row);
        });
    EXPECT_TRUE(marked);
    return operation;
  }
  void end(model::Operation operation) {
    const auto ended = server_.parts().model->change(
        gallery_.subscription, [&](model::Change& change) -> Result<> {
          auto row = TRY(change.get(gallery_));
          row.provisioning = "Succeeded";
          row.operation.clear();
          operation.state = model::OperationState::succeeded;
          TRY(change.put_operation(operation));
          return change.put(row);
        });
    EXPECT_TRUE(ended);
  }
  Told post(bool for_good, bool in_use = false) {
    return server_.send(
        "POST", "/pinaco/v1/deletions",
        JsonObject{{"id", gallery_.text()}, {"forGood", for_good}, {"inUse", in_use}});
  }

  const arm::ResourceId gallery_ = *arm::ResourceId::parse(compute_ + "/galleries/g");
};

TEST_F(RemoveCascade, SaysWhatItFreesAndThatIsWhatComesBack) {
  EXPECT_EQ(frees("other"), 0);  // g has the same image
  const auto bytes = frees("g");
  EXPECT_GT(bytes, 1 << 20);
  EXPECT_LT(bytes, 2 << 20);
  ASSERT_TRUE(server_.parts().workers->sweep());
  const auto done = run({.name = "g", .group = "", .yes = true, .cascade = true});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(status_of("g"), 404);
  EXPECT_THAT(terminal_.noted(),
              AllOf(HasSubstr("g: 1 definition with 2 versions go, and the gallery."),
                    HasSubstr("This frees 1.0 MiB.")));
  const auto swept = server_.parts().workers->sweep();
  ASSERT_TRUE(swept);
  EXPECT_EQ(static_cast<std::int64_t>(swept->bytes_set_aside), bytes);
  EXPECT_GT(frees("other"), 1 << 20);
}

// Nor does it need a store that is away to be there.
TEST_F(RemoveCascade, WhatCannotBeToldOfItsBytesKeepsNothingFromGoing) {
  namespace fs = std::filesystem;
  auto folder = fs::path(server_.parts().ca_file).parent_path();
  while (!fs::exists(folder / "regions")) folder = folder.parent_path();
  const auto stores = folder / "regions/westeurope";
  fs::rename(stores, folder / "away");
  const auto told =
      server_.must("GET", fmt::format("/pinaco/v1/deletions?id={}/galleries/g", compute_));
  EXPECT_EQ(int_at(told.body, "versions"), 2);
  EXPECT_EQ(find_path(told.body, "frees"), nullptr);
  const auto done = run({.name = "g", .group = "", .yes = true, .cascade = true});
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_THAT(terminal_.noted(), HasSubstr("How much this frees is not known"));
  EXPECT_EQ(status_of("g"), 404);
  fs::rename(folder / "away", stores);
}

TEST_F(RemoveCascade, AsksAndWithoutCascadeRefuses) {
  const auto refused = run({.name = "g", .group = "", .yes = true});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("g has 1 definition with 2 versions in it; with --cascade they go along"));
  const auto alone = run({.name = "g", .group = "", .cascade = true});
  ASSERT_FALSE(alone);
  EXPECT_THAT(alone.error().message, HasSubstr("Nothing was deleted. With --yes, this would be:"));
  std::string asked;
  const auto say = [&](bool answer) {
    return [&asked, answer](std::string_view question) -> Result<bool> {
      asked = question;
      return answer;
    };
  };
  const auto no = run({.name = "g", .group = "", .cascade = true}, say(false));
  ASSERT_FALSE(no);
  EXPECT_EQ(no.error().message, "Nothing was deleted.");
  EXPECT_EQ(asked, "Delete all this? [y/N] ");
  EXPECT_EQ(status_of("g/images/d/versions/1.0.0"), 200);
  ASSERT_TRUE(run({.name = "g/d", .group = "", .cascade = true}, say(true)));
  EXPECT_EQ(status_of("g/images/d"), 404);
  EXPECT_EQ(status_of("g"), 200);
  // What is empty needs no --cascade.
  ASSERT_TRUE(run({.name = "g", .group = "", .yes = true}));
  EXPECT_EQ(status_of("g"), 404);
}

TEST_F(RemoveCascade, SoftDeleteKeepsWhatCanBeRestored) {
  server_.must("PATCH", compute_ + "/galleries/g" + galleries,
               JsonObject{{"properties", JsonObject{{"softDeletePolicy",
                                                     JsonObject{{"isSoftDeleteEnabled", true}}}}}});
  server_.drain();
  EXPECT_EQ(frees("g"), 0);
  const auto done = run({.name = "g", .group = "", .yes = true, .cascade = true});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(terminal_.noted(), AllOf(HasSubstr("This frees 0 B."),
                                       HasSubstr("2 of the versions can be restored until"),
                                       HasSubstr("so 1 definition and the gallery stay")));
  EXPECT_EQ(status_of("g/images/d"), 200);
  EXPECT_EQ(status_of("g/images/d/versions/1.0.0"), 404);
  const auto gone = run({.name = "g", .group = "", .yes = true, .cascade = true, .for_good = true});
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_THAT(terminal_.noted(), HasSubstr("With them 2 versions that could be restored."));
  EXPECT_EQ(status_of("g"), 404);
}

TEST_F(RemoveCascade, NothingNewComesIntoWhatIsBeingDeleted) {
  begun();
  const Json tags = JsonObject{{"tags", JsonObject{{"a", "b"}}}};
  for (const char* path : {"g", "g/images/d", "g/images/d/versions/1.0.0"}) {
    const auto told = server_.send("PATCH", compute_ + "/galleries/" + path + galleries, tags);
    EXPECT_THAT(told.outcome(), HasSubstr("409 Conflict: Another operation (Deleting)")) << path;
  }
  const auto shared = server_.send("POST", compute_ + "/galleries/g/share" + galleries,
                                   JsonObject{{"operationType", "Reset"}});
  EXPECT_THAT(shared.outcome(), HasSubstr("409 Conflict"));
}

TEST_F(RemoveCascade, AskedForAgainItIsTheSameForWhoMayDeleteAndMeansTheSame) {
  const auto operation = begun();
  const auto same = post(false);
  EXPECT_EQ(same.status, 202);
  EXPECT_EQ(same.text("operation"), operation.id);
  EXPECT_THAT(post(true).outcome(),
              HasSubstr("409 OperationNotAllowed: 'g' is being deleted already, with forGood false "
                        "and inUse false; you asked for it with forGood true and inUse false."));
  EXPECT_EQ(post(false, true).status, 409);

  std::map<std::string, std::string> texts;
  const auto client = http::make_client({.ca_file = server_.parts().ca_file});
  People people(server_.parts(), *client, server_.base(), texts);
  const auto reader = people.token_of("ann");
  server_.must("PUT",
               group_ +
                   "/providers/Microsoft.Authorization/roleAssignments/"
                   "11111111-2222-3333-4444-888888888888?api-version=2022-04-01",
               JsonObject{{"properties",
                           JsonObject{{"roleDefinitionId",
                                       server_.scope() +
                                           "/providers/Microsoft.Authorization/roleDefinitions/"
                                           "acdd72a7-3385-48ef-bd42-f606fba81ae7"},
                                      {"principalType", "ServicePrincipal"},
                                      {"principalId", texts["{oid:ann}"]}}}});
  server_.use(reader);
  EXPECT_THAT(post(false).outcome(),
              HasSubstr("403 AuthorizationFailed: 'g' is being deleted already, and you cannot ask "
                        "for it"));
  EXPECT_THAT(post(true).outcome(), HasSubstr("403 AuthorizationFailed"));
}

// It may have ended since it was asked about, and what is there then was not asked about.
TEST_F(RemoveCascade, WhatIsUnderWayIsFollowedAndNotBegunAgain) {
  const auto operation = begun();
  const DeleteOptions options{.name = "g", .group = "", .yes = true, .cascade = true};
  const auto plan = deletion_plan(options, terminal_.connection, gallery_);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(bool_at(*plan, "underWay"));
  EXPECT_EQ(int_at(*plan, "total"), 4);
  auto other = options;
  other.for_good = true;
  const auto refused =
      remove_cascade(other, terminal_.connection, gallery_, *plan, {}, terminal_.console);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("g is being deleted already, without --for-good"));
  end(operation);
  const auto done =
      remove_cascade(options, terminal_.connection, gallery_, *plan, {}, terminal_.console);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(terminal_.noted(), HasSubstr("g is being deleted already."));
  server_.drain();
  EXPECT_EQ(status_of("g/images/d/versions/1.0.0"), 200);
}

}  // namespace
}  // namespace pinaco::app
