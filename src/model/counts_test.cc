// What is counted is what is there: for every engine, for threads that race, after kills, and for
// rows of an older version.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/text.h"
#include "model/model.h"

namespace pinaco::model {
namespace {

constexpr const char* subscription = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
constexpr const char* kinds[] = {"galleries", "galleries/images", "galleries/images/versions",
                                 "virtualMachines", "virtualMachineScaleSets"};

// A folder that goes with the test.
struct Folder {
  Folder() { EXPECT_NE(mkdtemp(path.data()), nullptr); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::string database() const { return path + "/kv"; }

  std::string path = testing::TempDir() + "pinaco-counts-XXXXXX";
};

arm::ResourceId id_of(std::string_view type, const std::string& name,
                      const std::string& group = "G") {
  arm::ResourceId id{.subscription = subscription,
                     .group = group,
                     .provider = "Microsoft.Compute",
                     .types = {},
                     .names = {}};
  for (const auto part : split(type, '/')) {
    id.types.emplace_back(part);
    id.names.emplace_back("above");
  }
  id.names.back() = name;
  return id;
}

Resource row_of(std::string_view type, const std::string& name,
                std::string location = "westeurope") {
  return {.id = id_of(type, name), .location = std::move(location)};
}

class CountsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { open(); }

  void open() {
    model_.reset();
    kv_.reset();
    if (GetParam() == std::string_view("memory")) {
      kv_ = kv::open_memory();
    } else {
      auto opened = kv::open_sqlite(folder_.database());
      ASSERT_TRUE(opened) << opened.error().message;
      kv_ = std::move(*opened);
    }
    model_ = std::make_unique<Model>(*kv_, clock_, *random_);
  }

  Result<> change(const std::function<Result<>(Change&)>& function) {
    return model_->change(subscription, function);
  }
  void put(const Resource& row) {
    const auto done = change([&](Change& change) { return change.put(row); });
    ASSERT_TRUE(done) << done.error().message;
  }
  void erase(const arm::ResourceId& id) {
    const auto done = change([&](Change& change) { return change.erase(id); });
    ASSERT_TRUE(done) << done.error().message;
  }
  std::size_t count(std::string_view type, std::string_view location = "westeurope") {
    std::size_t found = 0;
    EXPECT_TRUE(model_->read(subscription, [&](const View& view) -> Result<> {
      found = TRY(view.count(type, location));
      return {};
    }));
    return found;
  }
  void expect_agreement() {
    EXPECT_TRUE(model_->read(subscription, [&](const View& view) -> Result<> {
      EXPECT_EQ(TRY(view.counts()), TRY(view.recount()));
      return {};
    }));
  }
  std::vector<std::string> from_last(std::size_t most) {
    std::vector<std::string> names;
    auto versions = id_of(kinds[2], "");
    versions.names.pop_back();
    EXPECT_TRUE(model_->read(subscription, [&](const View& view) {
      return view.from_last(versions, [&](const Resource& row) -> Result<bool> {
        names.push_back(row.id.name());
        return names.size() < most;
      });
    }));
    return names;
  }

  const Folder folder_;
  ManualClock clock_;
  std::unique_ptr<Random> random_ = seeded_random(1);
  std::unique_ptr<kv::Kv> kv_;
  std::unique_ptr<Model> model_;
};

INSTANTIATE_TEST_SUITE_P(Engine, CountsTest, testing::Values("memory", "sqlite"),
                         [](const auto& chosen) { return std::string(chosen.param); });

TEST_P(CountsTest, EachKindIsCountedOnceInItsLocation) {
  for (const auto* kind : kinds) {
    EXPECT_EQ(count(kind), 0U) << kind;
    put(row_of(kind, "1.0.0"));
    put(row_of(kind, "1.0.0"));  // again
    put(row_of(kind, "1.0.1"));
    put(row_of(kind, "1.0.2", "eastus"));
    EXPECT_EQ(count(kind), 2U) << kind;
    EXPECT_EQ(count(kind, "eastus"), 1U) << kind;
    expect_agreement();
    erase(id_of(kind, "1.0.0"));
    erase(id_of(kind, "1.0.0"));  // is gone
    erase(id_of(kind, "9.9.9"));  // never was
    EXPECT_EQ(count(kind), 1U) << kind;
    put(row_of(kind, "1.0.1", "eastus"));  // moves
    EXPECT_EQ(count(kind), 0U) << kind;
    EXPECT_EQ(count(kind, "eastus"), 2U) << kind;
    expect_agreement();
  }
}

TEST_P(CountsTest, OtherTypesAreNotCounted) {
  put(row_of("disks", "d"));
  EXPECT_EQ(count("disks"), 0U);
  expect_agreement();
}

TEST_P(CountsTest, AMachineThatJoinsAScaleSetCountsWithIt) {
  auto machine = row_of("virtualMachines", "m");
  put(machine);
  EXPECT_EQ(count("virtualMachines"), 1U);
  set_path(machine.internal, "set", "/subscriptions/…/s");
  put(machine);
  EXPECT_EQ(count("virtualMachines"), 0U);
  expect_agreement();
  erase(machine.id);
  EXPECT_EQ(count("virtualMachines"), 0U);
  expect_agreement();
}

TEST_P(CountsTest, WhatIsGivenUpIsNotCounted) {
  put(row_of("galleries", "a"));
  EXPECT_FALSE(change([&](Change& change) -> Result<> {
    TRY(change.put(row_of("galleries", "b")));
    EXPECT_EQ(TRY(change.count("galleries", "westeurope")), 2U);  // its own are seen
    TRY(change.erase(id_of("galleries", "a")));
    return fail(Kind::conflict, "given up");
  }));
  EXPECT_EQ(count("galleries"), 1U);
  expect_agreement();
}

TEST_P(CountsTest, RacingCreatorsNeverExceedALimit) {
  constexpr std::size_t limit = 57;
  constexpr std::size_t creators = 200;
  std::atomic<std::size_t> made = 0;
  std::atomic<std::size_t> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < creators; i++) {
      threads.emplace_back([&, i] {
        const auto done = change([&](Change& change) -> Result<> {
          if (TRY(change.count(kinds[2], "westeurope")) >= limit) {
            return fail(Kind::quota, "no more");
          }
          return change.put(row_of(kinds[2], std::to_string(i) + ".0.0"));
        });
        (done ? made : refused)++;
        EXPECT_TRUE(done || done.error().kind == Kind::quota);
      });
    }
  }
  EXPECT_EQ(made, limit);
  EXPECT_EQ(refused, creators - limit);
  EXPECT_EQ(count(kinds[2]), limit);
  expect_agreement();
}

TEST_P(CountsTest, ARecountAgreesAfterManyThreadsMadeAndDeleted) {
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 0; seed < 8; seed++) {
      threads.emplace_back([&, seed] {
        const auto random = seeded_random(seed);
        for (int i = 0; i < 60; i++) {
          const auto* kind = kinds[random->below(std::size(kinds))];
          const auto name = std::to_string(random->below(12)) + ".0.0";
          const bool failing = random->below(5) == 0;
          const bool erasing = random->below(2) == 0;
          const char* location = random->below(2) == 0 ? "westeurope" : "eastus";
          const auto done = change([&](Change& change) -> Result<> {
            if (erasing) {
              TRY(change.erase(id_of(kind, name)));
            } else {
              TRY(change.put(row_of(kind, name, location)));
            }
            if (failing) return fail(Kind::conflict, "given up");
            return {};
          });
          EXPECT_EQ(done.has_value(), !failing);
        }
      });
    }
  }
  expect_agreement();
  for (const auto* kind : kinds) {
    for (int i = 0; i < 12; i++) erase(id_of(kind, std::to_string(i) + ".0.0"));
    EXPECT_EQ(count(kind) + count(kind, "eastus"), 0U) << kind;
  }
}

TEST_P(CountsTest, VersionsAreInTheOrderOfTheirNumbers) {
  for (const char* name : {"1.10.0", "1.2.0", "0.9.9", "10.0.0", "2.0.0", "2147483647.0.0"}) {
    put(row_of(kinds[2], name));
  }
  EXPECT_EQ(from_last(100), (std::vector<std::string>{"2147483647.0.0", "10.0.0", "2.0.0", "1.10.0",
                                                      "1.2.0", "0.9.9"}));
  EXPECT_EQ(from_last(1), std::vector<std::string>{"2147483647.0.0"});
  // Another spelling of a number is another version.
  put(row_of(kinds[2], "01.2.0"));
  EXPECT_EQ(from_last(100).size(), 7U);
  EXPECT_EQ(model_->get(id_of(kinds[2], "01.2.0"))->id.name(), "01.2.0");
  EXPECT_EQ(model_->get(id_of(kinds[2], "1.2.0"))->id.name(), "1.2.0");
}

TEST_P(CountsTest, ManyVersionsAreReadFromTheLast) {
  ASSERT_TRUE(change([&](Change& change) -> Result<> {
    for (int i = 0; i < 400; i++) {
      TRY(change.put(row_of(kinds[2], "1.0." + std::to_string(i))));
    }
    return {};
  }));
  const auto names = from_last(1000);
  ASSERT_EQ(names.size(), 400U);
  for (int i = 0; i < 400; i++) EXPECT_EQ(names[399 - i], "1.0." + std::to_string(i));
}

// Rows as version 1 of the layout had them: versions by their names, and no counts.
class OlderRows : public CountsTest {
 protected:
  static std::string old_key(const std::string& name) {
    return "r/microsoft.compute/galleries/images/versions\x1fg\x1f"
           "above\x1f"
           "above\x1f" +
           name;
  }
  void write_old(int versions) {
    for (int begin = 0; begin < versions; begin += 500) {
      ASSERT_TRUE(kv_->change(subscription, [&](kv::Transaction& transaction) -> Result<> {
        for (int i = begin; i < std::min(versions, begin + 500); i++) {
          const auto name = std::to_string(i % 7) + "." + std::to_string(i) + ".0";
          TRY(transaction.put(old_key(name), to_text(to_json(row_of(kinds[2], name)))));
        }
        return transaction.put(
            "r/microsoft.compute/galleries\x1fg\x1f"
            "above",
            to_text(to_json(row_of("galleries", "above", "eastus"))));
      }));
    }
  }
  void expect_new(int versions) {
    EXPECT_EQ(count(kinds[2]), static_cast<std::size_t>(versions));
    EXPECT_EQ(count("galleries", "eastus"), 1U);
    expect_agreement();
    const auto names = from_last(100'000);
    ASSERT_EQ(names.size(), static_cast<std::size_t>(versions));
    EXPECT_TRUE(std::ranges::is_sorted(names, std::ranges::greater(), [](const auto& name) {
      return *arm::parse_version_name(name);
    }));
    EXPECT_TRUE(model_->get(id_of(kinds[2], "1.1.0")));
  }
};

INSTANTIATE_TEST_SUITE_P(Engine, OlderRows, testing::Values("memory", "sqlite"),
                         [](const auto& chosen) { return std::string(chosen.param); });

TEST_P(OlderRows, AreBroughtUpToDateOnce) {
  write_old(1234);
  ASSERT_TRUE(model_->bring_up_to_date());
  expect_new(1234);
  const auto revision = *kv_->revision(subscription);
  ASSERT_TRUE(model_->bring_up_to_date());
  EXPECT_EQ(*kv_->revision(subscription), revision);
  put(row_of("galleries", "b"));
  erase(id_of(kinds[2], "1.1.0"));
  EXPECT_EQ(count(kinds[2]), 1233U);
  expect_agreement();
}

TEST_P(OlderRows, AreGoneOnWithAfterAKillInBetween) {
  write_old(300);
  // The first half was moved already.
  ASSERT_TRUE(kv_->change(subscription, [&](kv::Transaction& transaction) -> Result<> {
    for (int i = 0; i < 150; i++) {
      const auto name = std::to_string(i % 7) + "." + std::to_string(i) + ".0";
      char moved[64];
      std::snprintf(moved, sizeof moved, "%010d.%010d.%010d", i % 7, i, 0);
      TRY(transaction.erase(old_key(name)));
      TRY(transaction.put(old_key(moved), to_text(to_json(row_of(kinds[2], name)))));
    }
    return {};
  }));
  ASSERT_TRUE(model_->bring_up_to_date());
  expect_new(300);
}

TEST_P(OlderRows, AreNotWrittenToBeforeTheyAreBroughtUpToDate) {
  write_old(3);
  const auto done = change([&](Change& change) { return change.put(row_of("galleries", "b")); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::corrupt);
  // What is not counted does not mind.
  put(row_of("disks", "d"));
}

TEST_P(OlderRows, OfANewerVersionAreRefused) {
  put(row_of("galleries", "a"));
  ASSERT_TRUE(kv_->change(
      subscription, [&](kv::Transaction& transaction) { return transaction.put("l/", "3"); }));
  const auto done = model_->bring_up_to_date();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::conflict);
}

// Makes and deletes until it is killed.
[[noreturn]] void change_for_ever(const std::string& path, std::uint64_t seed, int report) {
  auto kv = kv::open_sqlite(path);
  if (!kv) ::_exit(1);
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 3; thread++) {
    threads.emplace_back([&, thread] {
      const auto random = seeded_random(seed * 16 + thread);
      Model model(**kv, system_clock(), *random);
      for (;;) {
        const auto name = std::to_string(random->below(40)) + ".0.0";
        const bool erasing = random->below(3) == 0;
        const auto done = model.change(subscription, [&](Change& change) {
          return erasing ? change.erase(id_of(kinds[2], name)) : change.put(row_of(kinds[2], name));
        });
        if (!done || ::write(report, "x", 1) != 1) ::_exit(2);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ::_exit(3);
}

TEST(Counts, AgreeWhenTheProcessWasKilled) {
  const Folder folder;
  const auto path = folder.database();
  for (std::uint64_t round = 0; round < 8; round++) {
    int ends[2] = {};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      change_for_ever(path, round, ends[1]);
    }
    ::close(ends[1]);
    char byte = 0;
    std::size_t seen = 0;
    while (::read(ends[0], &byte, 1) == 1) {
      if (++seen == 20 + round * 13) {
        EXPECT_EQ(::kill(child, SIGKILL), 0);
      }
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    const auto kv = kv::open_sqlite(path);
    ASSERT_TRUE(kv) << kv.error().message;
    ManualClock clock;
    const auto random = seeded_random(1);
    Model model(**kv, clock, *random);
    ASSERT_TRUE(model.bring_up_to_date());
    ASSERT_TRUE(model.read(subscription, [&](const View& view) -> Result<> {
      EXPECT_EQ(TRY(view.counts()), TRY(view.recount()));
      EXPECT_GT(TRY(view.count(kinds[2], "westeurope")), 0U);
      return {};
    }));
  }
}

}  // namespace
}  // namespace pinaco::model
