// The model's rows over a Kv in memory.
#include "model/model.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace pinaco::model {
namespace {

constexpr const char* subscription = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";

class ModelTest : public testing::Test {
 protected:
  static arm::ResourceId group(const std::string& name) {
    arm::ResourceId id;
    id.subscription = subscription;
    id.group = name;
    return id;
  }
  static arm::ResourceId gallery(const std::string& in, const std::string& name) {
    arm::ResourceId id = group(in);
    id.provider = "Microsoft.Compute";
    id.types = {"galleries"};
    id.names = {name};
    return id;
  }
  static arm::ResourceId version(const std::string& name, const std::string& definition = "D") {
    return gallery("G", "Gal").child("images", definition).child("versions", name);
  }
  static arm::ResourceId collection(arm::ResourceId member) {
    member.names.pop_back();
    return member;
  }
  static arm::ResourceId groups() {
    arm::ResourceId id;
    id.subscription = subscription;
    id.provider = "Microsoft.Resources";
    id.types = {"resourceGroups"};
    return id;
  }

  void put(const arm::ResourceId& id) {
    Resource resource;
    resource.id = id;
    const auto done = model_.change(subscription, [&](Change& c) { return c.put(resource); });
    ASSERT_TRUE(done) << done.error().message;
  }
  std::vector<std::string> names(const arm::ResourceId& of) {
    std::vector<std::string> found;
    const auto done = model_.read(subscription, [&](const View& view) -> Result<> {
      for (const auto& row : TRY(view.list_all(of))) found.push_back(row.id.name());
      return {};
    });
    EXPECT_TRUE(done) << done.error().message;
    return found;
  }
  Operation start(Operation operation) {
    operation.resource = version("1.0.0");
    const auto done = model_.change(subscription, [&](Change& change) -> Result<> {
      operation = TRY(change.start(operation));
      return {};
    });
    EXPECT_TRUE(done) << done.error().message;
    return operation;
  }
  void put_operation(const Operation& operation) {
    ASSERT_TRUE(model_.change(subscription,
                              [&](Change& change) { return change.put_operation(operation); }));
  }
  std::optional<Operation> find_operation(const std::string& id) {
    std::optional<Operation> found;
    EXPECT_TRUE(model_.read(subscription, [&](const View& view) -> Result<> {
      found = TRY(view.find_operation(id));
      return {};
    }));
    return found;
  }
  std::vector<std::string> pending() {
    std::vector<std::string> found;
    EXPECT_TRUE(model_.read(subscription, [&](const View& view) -> Result<> {
      found = TRY(view.pending_operations());
      return {};
    }));
    return found;
  }
  std::size_t prune(WallTime before, std::size_t most) {
    std::size_t gone = 0;
    EXPECT_TRUE(model_.change(subscription, [&](Change& change) -> Result<> {
      gone = TRY(change.prune_operations(before, most));
      return {};
    }));
    return gone;
  }

  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  ManualClock clock_;
  std::unique_ptr<Random> random_ = seeded_random(1);
  Model model_{*kv_, clock_, *random_};
};

TEST_F(ModelTest, ReadsBackEveryMemberOfAResource) {
  Resource resource;
  resource.id = version("1.2.3");
  resource.location = "westeurope";
  resource.tags = {{"owner", "me"}};
  resource.sku = {{"name", "Premium_LRS"}};
  resource.zones = JsonArray{"1"};
  resource.properties = {{"a", JsonArray{1, nullptr, "x"}}};
  resource.internal = {{"secret", "kept"}};
  resource.provisioning = "Creating";
  resource.operation = "2ddd0c5e-65d7-44fd-a90c-df44a4fa4ffe";
  resource.created = clock_.now() + std::chrono::microseconds(123457);
  ASSERT_TRUE(model_.change(subscription, [&](Change& change) { return change.put(resource); }));
  const auto read = model_.get(version("1.2.3"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id.text(), resource.id.text());
  EXPECT_EQ(read->tags, resource.tags);
  EXPECT_EQ(read->sku, resource.sku);
  EXPECT_EQ(read->zones, resource.zones);
  EXPECT_EQ(read->properties, resource.properties);
  EXPECT_EQ(read->internal, resource.internal);
  EXPECT_EQ(read->location, resource.location);
  EXPECT_EQ(read->provisioning, resource.provisioning);
  EXPECT_EQ(read->operation, resource.operation);
  EXPECT_EQ(read->created, resource.created);
}

TEST_F(ModelTest, ReadsBackEveryMemberOfAnOperation) {
  Operation operation;
  operation.resource = version("1.0.0");
  operation.id = "2ddd0c5e-65d7-44fd-a90c-df44a4fa4ffe";
  operation.task = "import";
  operation.surface = "capsOperations";
  operation.location = "westeurope";
  operation.state = OperationState::failed;
  operation.start = clock_.now();
  operation.end = clock_.now() + Seconds(3);
  operation.error_code = "Code";
  operation.error_message = "what happened";
  operation.error_target = "properties.x";
  operation.input = {{"step", 2}};
  operation.output = {{"accessSAS", "https://x"}};
  operation.attempts = 4;
  put_operation(operation);
  const auto read = find_operation(operation.id);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(operation));
}

TEST_F(ModelTest, FindsAResourceInAnyCasingAndKeepsTheOneItWasMadeWith) {
  put(gallery("Group", "MyGallery"));
  const auto found = model_.find(gallery("GROUP", "mygallery"));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id.name(), "MyGallery");
}

TEST_F(ModelTest, TellsAMissingGroupFromAMissingResource) {
  EXPECT_EQ(model_.get(group("g")).error().code, "ResourceGroupNotFound");
  EXPECT_EQ(model_.get(gallery("g", "x")).error().code, "ResourceNotFound");
}

TEST_F(ModelTest, ErasesOnlyTheResourceNamed) {
  put(version("1.0.0"));
  put(version("1.0.1"));
  ASSERT_TRUE(
      model_.change(subscription, [](Change& change) { return change.erase(version("1.0.0")); }));
  EXPECT_EQ(names(collection(version("x"))), (std::vector<std::string>{"1.0.1"}));
}

TEST_F(ModelTest, ListsOnlyWhatIsInTheCollection) {
  put(group("G"));
  put(group("G-2"));
  put(gallery("G", "Gal"));
  put(gallery("G", "Gal_2"));
  put(gallery("G-2", "Gal"));
  put(version("1.0.0"));
  put(version("1.0.1"));
  put(version("1.0.0", "D-2"));
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(groups()), (Names{"G", "G-2"}));
  EXPECT_EQ(names(collection(gallery("g", "x"))), (Names{"Gal", "Gal_2"}));
  EXPECT_EQ(names(collection(gallery("", "x"))).size(), 3U);
  EXPECT_EQ(names(collection(version("x"))), (Names{"1.0.0", "1.0.1"}));
  EXPECT_EQ(names(collection(version("x", "d-2"))), (Names{"1.0.0"}));
}

TEST_F(ModelTest, ListsAGroupAcrossTypesWithoutTheGroups) {
  put(group("G"));
  put(gallery("G", "Gal"));
  put(gallery("G2", "Other"));
  put(version("1.0.0"));
  std::vector<std::string> in_group, in_all;
  ASSERT_TRUE(model_.read(subscription, [&](const View& view) -> Result<> {
    for (const auto& row : TRY(view.list_group("g"))) in_group.push_back(row.id.name());
    for (const auto& row : TRY(view.list_group(""))) in_all.push_back(row.id.name());
    return {};
  }));
  EXPECT_EQ(in_group, (std::vector<std::string>{"Gal", "1.0.0"}));
  EXPECT_EQ(in_all, (std::vector<std::string>{"Gal", "Other", "1.0.0"}));
}

TEST_F(ModelTest, PagesShowEachResourceOnceWhileOthersComeAndGo) {
  for (char c = 'a'; c <= 'g'; c++) put(gallery("g", std::string(1, c)));
  std::string from;
  std::string seen;
  int pages = 0;
  do {
    ASSERT_TRUE(model_.read(subscription, [&](const View& view) -> Result<> {
      const auto page = TRY(view.list(collection(gallery("g", "x")), from, 3));
      for (const auto& row : page.rows) seen += row.id.name();
      from = page.next;
      return {};
    }));
    // The row that the continuation names goes away; the next page is not disturbed.
    if (++pages == 1) {
      ASSERT_TRUE(model_.change(subscription,
                                [](Change& change) { return change.erase(gallery("g", "c")); }));
      put(gallery("g", "ab"));
    }
  } while (!from.empty());
  EXPECT_EQ(seen, "abcdefg");
  EXPECT_EQ(pages, 3);
}

TEST_F(ModelTest, ALastPageThatIsExactlyFullHasNoNext) {
  for (char c = 'a'; c <= 'c'; c++) put(gallery("g", std::string(1, c)));
  ASSERT_TRUE(model_.read(subscription, [&](const View& view) -> Result<> {
    EXPECT_EQ(TRY(view.list(collection(gallery("g", "x")), "", 3)).next, "");
    EXPECT_EQ(TRY(view.list(collection(gallery("g", "x")), "", 0)).rows.size(), 1U);
    return {};
  }));
}

TEST_F(ModelTest, RefusesAContinuationThatNoListReturned) {
  put(version("1.0.0"));
  put(version("1.0.1"));
  ASSERT_TRUE(model_.read(subscription, [&](const View& view) -> Result<> {
    const auto next = TRY(view.list(collection(version("x")), "", 1))
    .next;
    EXPECT_FALSE(next.empty());
    for (const auto& [of, from] : std::vector<std::pair<arm::ResourceId, std::string>>{
             {collection(version("x")), "!!"},
             {collection(version("x")), "abc"},
             {collection(version("x")), to_base64url(as_bytes("o/"))},
             {collection(version("x", "other")), next}}) {
      const auto page = view.list(of, from, 1);
      EXPECT_FALSE(page) << from;
      if (page) continue;
      EXPECT_EQ(page.error().code, "InvalidParameter");
      EXPECT_EQ(page.error().target, "$skiptoken");
    }
    return {};
  }));
}

TEST_F(ModelTest, DoesNotAnswerFromAnotherSubscription) {
  put(gallery("g", "x"));
  auto elsewhere = gallery("g", "x");
  elsewhere.subscription = "11111111-1bf0-4dda-aec3-cb9272f09590";
  const auto found = model_.find(elsewhere);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  ASSERT_TRUE(model_.read(subscription, [&](const View& view) -> Result<> {
    EXPECT_FALSE(view.find(elsewhere));
    return {};
  }));
}

TEST_F(ModelTest, AnOperationIsPendingUntilItEnds) {
  auto operation = start({.task = "import"});
  EXPECT_EQ(operation.start, clock_.now());
  EXPECT_EQ(pending(), std::vector<std::string>{operation.id});
  clock_.advance(Seconds(5));
  operation.attempts = 1;
  put_operation(operation);
  EXPECT_EQ(pending(), std::vector<std::string>{operation.id});
  operation.state = OperationState::succeeded;
  put_operation(operation);
  EXPECT_TRUE(pending().empty());
  EXPECT_EQ(find_operation(operation.id)->end, clock_.now());
}

TEST_F(ModelTest, AnOperationThatEndsInItsOwnTransactionIsNeverPending) {
  const auto operation = start({.state = OperationState::succeeded});
  EXPECT_EQ(operation.end, clock_.now());
  EXPECT_TRUE(pending().empty());
  EXPECT_EQ(find_operation(operation.id)->end, clock_.now());
}

TEST_F(ModelTest, NothingIsFoundUnderWhatIsNoOperationId) {
  EXPECT_FALSE(find_operation(""));
  EXPECT_FALSE(find_operation(std::string(5000, 'x')));
  EXPECT_FALSE(find_operation("2ddd0c5e-65d7-44fd-a90c-df44a4fa4ffe"));
}

TEST_F(ModelTest, PruningForgetsOnlyWhatEndedLongAgo) {
  const auto running = start({.task = "import"});
  const auto old = start({.state = OperationState::failed});
  clock_.advance(Seconds(100));
  const auto recent = start({.state = OperationState::succeeded});
  EXPECT_EQ(prune(clock_.now(), 100), 1U);
  EXPECT_FALSE(find_operation(old.id));
  EXPECT_TRUE(find_operation(recent.id));
  EXPECT_TRUE(find_operation(running.id));
  EXPECT_EQ(prune(clock_.now(), 100), 0U);
}

TEST_F(ModelTest, AnOperationWhoseEndMovedIsPrunedByItsLastEnd) {
  auto operation = start({.state = OperationState::succeeded});
  operation.end += Seconds(50);
  put_operation(operation);
  EXPECT_EQ(prune(clock_.now() + Seconds(10), 100), 0U);
  EXPECT_EQ(prune(clock_.now() + Seconds(51), 100), 1U);
}

TEST_F(ModelTest, FactsAreFoundByNameAndByPrefix) {
  ASSERT_TRUE(model_.change("", [](Change& change) -> Result<> {
    TRY(change.put_fact("tenant/b", 2));
    TRY(change.put_fact("tenant/a", Json{{"x", 1}}));
    TRY(change.put_fact("tenants", 3));
    TRY(change.put_fact("tenant/c", 4));
    return change.erase_fact("tenant/c");
  }));
  ASSERT_TRUE(model_.read("", [](const View& view) -> Result<> {
    const auto found = TRY(view.facts("tenant/"));
    EXPECT_EQ(found.size(), 2U);
    EXPECT_EQ(found.at(0).first, "tenant/a");
    EXPECT_EQ(found.at(1).second, Json(2));
    EXPECT_EQ(TRY(view.find_fact("tenants")), Json(3));
    EXPECT_FALSE(TRY(view.find_fact("tenant/c")));
    return {};
  }));
}

TEST_F(ModelTest, FactsBetweenTwoNamesLeaveOutTheLast) {
  ASSERT_TRUE(model_.change("", [](Change& change) -> Result<> {
    for (const char* name : {"a/1", "a/2", "a/3", "b"}) TRY(change.put_fact(name, 1));
    return {};
  }));
  ASSERT_TRUE(model_.read("", [](const View& view) -> Result<> {
    EXPECT_EQ(TRY(view.facts_between("a/1", "a/3", 10)).size(), 2U);
    EXPECT_EQ(TRY(view.facts_between("a/2", "c", 10)).size(), 3U);
    const auto first = TRY(view.facts_between("a/", "a0", 1));
    EXPECT_EQ(first.size(), 1U);
    EXPECT_EQ(first.at(0).first, "a/1");
    return {};
  }));
}

TEST_F(ModelTest, ShardsAreTheSubscriptionsInLowerCase) {
  auto id = gallery("g", "x");
  id.subscription = to_upper(id.subscription);
  Resource resource;
  resource.id = id;
  ASSERT_TRUE(model_.change(id.subscription, [&](Change& c) { return c.put(resource); }));
  ASSERT_TRUE(model_.change("", [](Change& change) { return change.put_fact("x", 1); }));
  EXPECT_EQ(*model_.shards(), std::vector<std::string>{subscription});
}

TEST_F(ModelTest, ARefusedChangeWritesNothing) {
  const auto done = model_.change(subscription, [&](Change& change) -> Result<> {
    Resource resource;
    resource.id = gallery("g", "x");
    TRY(change.put(resource));
    return fail(Kind::conflict, "no");
  });
  EXPECT_EQ(done.error().message, "no");
  EXPECT_FALSE(*model_.find(gallery("g", "x")));
}

TEST_F(ModelTest, ACorruptRowIsAnErrorAndNotAnAbsence) {
  ASSERT_TRUE(kv_->change(subscription, [](kv::Transaction& transaction) {
    return transaction.put("r/microsoft.compute/galleries\x1fg\x1fx", "{\"id\":");
  }));
  const auto found = model_.find(gallery("g", "x"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, Kind::corrupt);
}

}  // namespace
}  // namespace pinaco::model
