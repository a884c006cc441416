// `pinaco delete --cascade`, against a whole server.
#include "app/remove_cascade.h"

#include <gmock/gmock.h>

#include "app/gallery_testing.h"

namespace pinaco::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RemoveCascade : public GalleryTest {
 protected:
  Result<> run(const DeleteOptions& options, const AskUser& ask = {}) {
    return remove(options, *connection_, ask, *console_);
  }
  std::int64_t frees(const std::string& path) {
    const auto told =
        server_.must("GET", fmt::format("/pinaco/v1/deletions?id={}/galleries/{}", compute_, path));
    return int_at(told.body, "frees.bytes");
  }
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
  EXPECT_THAT(noted(), AllOf(HasSubstr("g: 1 definition with 2 versions go, and the gallery."),
                             HasSubstr("This frees 1.0 MiB.")));
  const auto swept = server_.parts().workers->sweep();
  ASSERT_TRUE(swept);
  EXPECT_EQ(static_cast<std::int64_t>(swept->bytes_set_aside), bytes);
  EXPECT_GT(frees("other"), 1 << 20);
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
  EXPECT_THAT(noted(), AllOf(HasSubstr("This frees 0 B."),
                             HasSubstr("2 of the versions can be restored until"),
                             HasSubstr("so 1 definition and the gallery stay")));
  EXPECT_EQ(status_of("g/images/d"), 200);
  EXPECT_EQ(status_of("g/images/d/versions/1.0.0"), 404);
  const auto gone = run({.name = "g", .group = "", .yes = true, .cascade = true, .for_good = true});
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_THAT(noted(), HasSubstr("With them 2 versions that could be restored."));
  EXPECT_EQ(status_of("g"), 404);
}

// One that is on its way out; nothing works on it, so that it stays so.
TEST_F(RemoveCascade, NothingNewComesIntoWhatIsBeingDeleted) {
  const auto id = *arm::ResourceId::parse(compute_ + "/galleries/g");
  const auto marked =
      server_.parts().model->change(id.subscription, [&](model::Change& change) -> Result<> {
        const auto operation = TRY(change.start(
            {.resource = id, .task = "", .surface = "capsOperations", .location = "westeurope"}));
        auto row = TRY(change.get(id));
        row.provisioning = "Deleting";
        row.operation = operation.id;
        return change.put(row);
      });
  ASSERT_TRUE(marked);
  const Json tags = JsonObject{{"tags", JsonObject{{"a", "b"}}}};
  for (const char* path : {"g", "g/images/d", "g/images/d/versions/1.0.0"}) {
    const auto told = server_.send("PATCH", compute_ + "/galleries/" + path + galleries, tags);
    EXPECT_THAT(told.outcome(), HasSubstr("409 Conflict: Another operation (Deleting)")) << path;
  }
  const auto shared = server_.send("POST", compute_ + "/galleries/g/share" + galleries,
                                   JsonObject{{"operationType", "Reset"}});
  EXPECT_THAT(shared.outcome(), HasSubstr("409 Conflict"));
}

}  // namespace
}  // namespace pinaco::app
