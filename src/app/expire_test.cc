// `pinaco retain` and `pinaco expire`, against a whole server.
#include "app/expire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/retain.h"
#include "app/terminal_testing.h"

namespace pinaco::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* galleries = "?api-version=2022-03-03";

class Expire : public testing::Test {
 protected:
  explicit Expire(bool json = false) : terminal_(server_, json) {
    const auto place = JsonObject{{"location", "westeurope"}};
    server_.must("PUT", group_ + "?api-version=2021-04-01", place);
    Bytes start(1 << 20, 7);
    server_.upload_disk(compute_ + "/disks/disk", JsonObject{{"osType", "Linux"}}, start);
    server_.must("PUT", compute_ + "/galleries/g" + galleries,
                 JsonObject{{"location", "westeurope"}, {"tags", JsonObject{{"team", "images"}}}});
    server_.must(
        "PUT", definition_ + galleries,
        JsonObject{{"location", "westeurope"},
                   {"properties",
                    JsonObject{{"osType", "Linux"},
                               {"osState", "Specialized"},
                               {"identifier",
                                JsonObject{{"publisher", "p"}, {"offer", "o"}, {"sku", "s"}}}}}});
    server_.drain();
    for (const char* number : {"1.0.0", "2.0.0"}) {
      const Json source = JsonObject{{"id", compute_ + "/disks/disk"}};
      server_.must(
          "PUT", definition_ + "/versions/" + number + galleries,
          JsonObject{{"location", "westeurope"},
                     {"properties",
                      JsonObject{{"storageProfile",
                                  JsonObject{{"osDiskImage", JsonObject{{"source", source}}}}}}}});
    }
    server_.drain();
    server_.must("DELETE", compute_ + "/disks/disk" + WholeServer::disks_api);
    server_.drain();
  }

  void run(const ExpireOptions& options) {
    const auto done = expire(options, terminal_.connection, terminal_.console);
    EXPECT_TRUE(done) << done.error().message;
  }
  void rules(const RetainOptions& options) {
    const auto done = retain(options, terminal_.connection, terminal_.console);
    EXPECT_TRUE(done) << done.error().message;
  }
  int status_of(const std::string& version) {
    return server_.send("GET", definition_ + "/versions/" + version + galleries).status;
  }

  WholeServer server_;
  std::string group_ = server_.scope() + "/resourceGroups/rg";
  std::string compute_ = group_ + "/providers/Microsoft.Compute";
  std::string definition_ = compute_ + "/galleries/g/images/d";
  Terminal terminal_;
};

class ExpireJson : public Expire {
 protected:
  ExpireJson() : Expire(true) {}
};

TEST_F(Expire, ShowsMarksUndoesAndDeletes) {
  run({.name = "g"});
  EXPECT_THAT(terminal_.printed(), AllOf(HasSubstr("g/d/2.0.0"), HasSubstr("no rule asks for it"),
                                         Not(HasSubstr("mark"))));
  rules({.name = "g", .newest = "1"});
  EXPECT_EQ(terminal_.printed(), "pinaco-keep-newest = 1\n");
  run({.name = "g", .dry_run = true, .yes = true});
  EXPECT_THAT(terminal_.printed(), HasSubstr("it is not among the newest 1"));
  run({.name = "g", .yes = true});
  EXPECT_THAT(terminal_.printed(), AllOf(HasSubstr("marked for 20"), Not(HasSubstr("2.0.0"))));
  run({.undo = true});
  EXPECT_EQ(terminal_.printed(), "g/d/1.0.0 stays, until its tag pinaco-keep is removed.\n");
  run({.name = "g", .yes = true, .skip_grace = true});
  EXPECT_EQ(terminal_.printed(), "Nothing was due.\n");
  server_.must("PATCH", definition_ + "/versions/1.0.0" + galleries,
               JsonObject{{"tags", JsonObject()}});
  run({.name = "g/d", .yes = true, .skip_grace = true});
  EXPECT_THAT(terminal_.printed(), AllOf(HasSubstr("g/d/1.0.0"), HasSubstr("deleted")));
  EXPECT_EQ(status_of("1.0.0"), 404);
  EXPECT_EQ(status_of("2.0.0"), 200);
}

TEST_F(Expire, TheJanitorDoesWhatTheDryRunSaysAndGivesTheSpaceBack) {
  rules({.name = "g/d", .end_of_life = "delete", .grace_days = "2"});
  server_.must(
      "PATCH", definition_ + galleries,
      JsonObject{{"properties", JsonObject{{"endOfLifeDate",
                                            to_iso8601(server_.clock().now() + Seconds(600))}}}});
  server_.drain();
  auto& workers = *server_.parts().workers;
  server_.clock().put_forward(1200);
  ASSERT_TRUE(workers.sweep());
  EXPECT_EQ(status_of("2.0.0"), 200);
  terminal_.printed();
  run({});
  EXPECT_THAT(terminal_.printed(), AllOf(HasSubstr("of its definition: its end of life was"),
                                         HasSubstr("delete 20"), Not(HasSubstr("keep"))));
  server_.clock().put_forward(2 * 24 * 3600);
  // A sweep deletes first, and then finds what nothing names any more.
  const auto swept = workers.sweep();
  ASSERT_TRUE(swept);
  EXPECT_GT(swept->bytes_set_aside, 0u);
  server_.use(server_.log_in(server_.first().tenant, server_.first().client_id,
                             server_.first().client_secret));
  EXPECT_EQ(server_.send("GET", definition_ + galleries).status, 404);
}

TEST_F(Expire, RestoresWhatWasDeletedUntilItsDaysAreOver) {
  rules({.name = "g", .soft_delete = "on"});
  server_.must("DELETE", definition_ + "/versions/1.0.0" + galleries);
  auto& workers = *server_.parts().workers;
  ASSERT_TRUE(workers.sweep());
  terminal_.printed();
  run({.name = "g"});
  EXPECT_THAT(terminal_.printed(), HasSubstr("g/d/1.0.0 (deleted)"));
  run({.name = "g/d/1.0.0", .undo = true});
  EXPECT_EQ(terminal_.printed(), "g/d/1.0.0 is restored.\n");
  EXPECT_EQ(status_of("1.0.0"), 200);
  EXPECT_FALSE(
      expire({.name = "g/d/9.0.0", .undo = true}, terminal_.connection, terminal_.console));

  for (const char* number : {"1.0.0", "2.0.0"}) {
    server_.must("DELETE", definition_ + "/versions/" + number + galleries);
  }
  const auto before = workers.sweep();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->bytes_set_aside, 0u);  // the bytes stay as long as they can come back
  server_.clock().put_forward(8 * 24 * 3600);
  const auto after = workers.sweep();
  ASSERT_TRUE(after);
  EXPECT_GT(after->bytes_set_aside, 0u);
}

TEST_F(Expire, RulesAreTagsBesideOthers) {
  rules({.name = "g", .end_of_life = "warn", .in_use = "true", .tagged = "env=prod"});
  rules({.name = "g", .grace_days = "3"});
  const auto gallery = server_.must("GET", compute_ + "/galleries/g" + galleries);
  EXPECT_EQ(gallery.text("tags.team"), "images");
  EXPECT_EQ(gallery.text("tags.pinaco-end-of-life"), "warn");
  EXPECT_EQ(gallery.text("tags.pinaco-grace-days"), "3");
  terminal_.printed();
  rules({.name = "g"});
  EXPECT_THAT(terminal_.printed(), HasSubstr("pinaco-keep-tagged = env=prod\n"));
  rules({.name = "g", .clear = true});
  EXPECT_EQ(terminal_.printed(), "No rules of its own: the server's hold.\n");
  EXPECT_EQ(server_.must("GET", compute_ + "/galleries/g" + galleries).text("tags.team"), "images");
  const auto bad = retain({.name = "g", .newest = "few"}, terminal_.connection, terminal_.console);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("'few' is not a number of versions"));
  EXPECT_FALSE(retain({.name = "g/d/1.0.0"}, terminal_.connection, terminal_.console));
}

TEST_F(ExpireJson, IsTheServersPlan) {
  rules({.name = "g", .newest = "1"});
  terminal_.printed();
  run({.name = "g"});
  const auto items = parse_json(terminal_.printed());
  ASSERT_TRUE(items);
  ASSERT_EQ(items->get_array().size(), 3u);
  EXPECT_EQ(string_at(items->at(2), "action"), "mark");
  EXPECT_EQ(string_at(items->at(2), "id"), definition_ + "/versions/1.0.0");
  EXPECT_FALSE(string_at(items->at(2), "goes").empty());
}

}  // namespace
}  // namespace pinaco::app
