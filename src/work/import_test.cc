// A blob becomes an image as it was when it was asked for, or not at all; and what is left of blobs
// and names goes with the sweep.
#include <gtest/gtest.h>

#include "blob/blob.h"
#include "os/files.h"
#include "os/test_folder.h"
#include "work/guests.h"

namespace pinaco::work {
namespace {

constexpr std::size_t disk_bytes = 4 << 20;

class ImportBlob : public testing::Test {
 protected:
  void SetUp() override {
    store::RegionOptions options{.name = "here", .places = {}};
    ASSERT_TRUE(os::make_folders(folder_ / "place"));
    options.places.push_back({.zone = "1",
                              .name = "place",
                              .premium = false,
                              .packs = *store::open_folder(folder_ / "place", clock_)});
    depot_ = std::make_unique<Depot>(
        std::vector<std::shared_ptr<store::Region>>{*store::Region::open(std::move(options))},
        *Uploads::open(folder_ / "uploads"), *Uploads::open(folder_ / "blobs"));
    bench_ = std::make_unique<Bench>(Bench{model_, *depot_, options_, ending_});
    vhd_.assign(disk_bytes, 0);
    random_->fill(MutableBytes(vhd_).first(1 << 20));
    append(vhd_, format::fixed_vhd_footer(disk_bytes, Bytes(16, 7)));
    put_account("unique");
    put_row("0x1", "id");
    ASSERT_TRUE(depot_->blobs().write("id", vhd_.size(), 0, vhd_));
  }

  void put_account(const std::string& unique) {
    ASSERT_TRUE(model_.change("s", [&](model::Change& change) -> Result<> {
      model::Resource row;
      row.id = account_;
      set_path(row.internal, "unique", unique);
      TRY(blob::put_container(change, "unique", {.name = "vhds", .id = "container"}));
      return change.put(row);
    }));
  }

  void put_row(const std::string& etag, const std::string& id) {
    ASSERT_TRUE(model_.change("s", [&](model::Change& change) -> Result<> {
      return blob::put_blob(change, "container",
                            {.name = "d.vhd", .id = id, .size_bytes = vhd_.size(), .etag = etag});
    }));
  }

  Result<Captured> import(const std::string& etag) {
    const Json wanted{{"subscription", "s"},
                      {"container", "container"},
                      {"name", "d.vhd"},
                      {"etag", etag},
                      {"uri", "https://x"}};
    return import_blob(*bench_, wanted, "here");
  }

  // "" for one that went well.
  std::string refusal(const std::string& etag) {
    const auto captured = import(etag);
    return captured ? "" : captured.error().code;
  }

  const arm::ResourceId account_ = *arm::ResourceId::parse(
      "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct");
  os::TestFolder folder_;
  ManualClock clock_;
  std::unique_ptr<Random> random_ = seeded_random(1);
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, clock_, *random_};
  WorkerOptions options_;
  std::atomic<bool> ending_ = false;
  std::unique_ptr<Depot> depot_;
  std::unique_ptr<Bench> bench_;
  Bytes vhd_;
};

TEST_F(ImportBlob, StoresTheDiskInIt) {
  const auto captured = import("0x1");
  ASSERT_TRUE(captured) << captured.error().message;
  EXPECT_EQ(int_at(captured->content, "sizeBytes"), static_cast<std::int64_t>(disk_bytes));
  const auto disk = depot_->open_disk(captured->content, "here", 0);
  ASSERT_TRUE(disk) << disk.error().message;
  Bytes bytes(disk_bytes);
  ASSERT_TRUE((*disk)->read(0, bytes));
  EXPECT_TRUE(std::ranges::equal(bytes, ByteView(vhd_).first(disk_bytes)));
}

TEST_F(ImportBlob, RefusesWhatWasWrittenToSince) {
  put_row("0x2", "id");
  EXPECT_EQ(refusal("0x1"), "Conflict");
  EXPECT_TRUE(import("0x2"));
}

TEST_F(ImportBlob, RefusesWhatIsGone) {
  ASSERT_TRUE(model_.change(
      "s", [&](model::Change& change) { return change.erase_fact("blob/container/d.vhd"); }));
  EXPECT_EQ(refusal("0x1"), "Conflict");
}

// However many there are, the import ends at once: it has a lane of few.
TEST_F(ImportBlob, DoesNotWaitForWritesUnderWay) {
  {
    Uploads::Writing writing(depot_->blobs(), "id");
    EXPECT_EQ(refusal("0x1"), "Conflict");
    put_row("0x2", "id");
    writing.told();
  }
  EXPECT_EQ(refusal("0x1"), "Conflict");
  EXPECT_TRUE(import("0x2"));
}

TEST_F(ImportBlob, IsOfNoMindToWritesOfOtherBlobs) {
  const Uploads::Writing writing(depot_->blobs(), "other");
  EXPECT_TRUE(import("0x1"));
}

// Of a write that failed no row says that bytes differ.
TEST_F(ImportBlob, WatchesForWritesThatEndUntold) {
  auto& files = depot_->blobs();
  {
    const Uploads::Watch watch(files, "id");
    EXPECT_TRUE(watch.row_tells_all());
    {
      Uploads::Writing writing(files, "id");
      EXPECT_FALSE(watch.row_tells_all());
      writing.told();
    }
    EXPECT_TRUE(watch.row_tells_all());
    {
      const Uploads::Writing writing(files, "id");
    }
    EXPECT_FALSE(watch.row_tells_all());
    // Who begins to read now sees what it left.
    EXPECT_TRUE(Uploads::Watch(files, "id").row_tells_all());
  }
  EXPECT_TRUE(Uploads::Watch(files, "id").row_tells_all());
}

// The rest of a file that a crash cut short while it was made.
TEST_F(ImportBlob, ReadsAFileThatWasCutShortAsZerosToItsEnd) {
  for (const bool write : {false, true}) {
    const std::string id = write ? "written" : "read";
    ASSERT_TRUE(os::File::create(folder_ / ("blobs/" + id + ".vhd")));
    if (write) {
      ASSERT_TRUE(depot_->blobs().write(id, 4096, 512, Bytes(512, 1)));
    }
    const auto source = depot_->blobs().source(id, 4096);
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ((*source)->size_bytes(), 4096U);
    Bytes bytes(512, 7);
    ASSERT_TRUE((*source)->read(4096 - 512, bytes));
    EXPECT_EQ(bytes, Bytes(512, 0));
  }
}

// A place of blobs that cannot be tidied does not keep regions from their sweep.
TEST_F(ImportBlob, SweepsRegionsEvenWhenBlobsCannotBe) {
  ASSERT_TRUE(os::remove_folder(folder_ / "blobs"));
  const auto swept = sweep_regions(*bench_);
  EXPECT_TRUE(swept) << swept.error().message;
}

TEST_F(ImportBlob, RefusesWhatIsNoVhd) {
  ASSERT_TRUE(depot_->blobs().clear("id", vhd_.size(), disk_bytes, 512));
  const auto captured = import("0x1");
  EXPECT_EQ(captured.error().code, "InvalidVhd");
  EXPECT_TRUE(captured.error().message.contains("https://x")) << captured.error().message;
}

TEST_F(ImportBlob, LeavesFilesToTheSweepWhenTheirBlobIsGone) {
  ASSERT_TRUE(depot_->blobs().write("stray", 512, 0, Bytes(512, 1)));
  ASSERT_TRUE(sweep_regions(*bench_));
  EXPECT_EQ(*depot_->blobs().list(), std::vector<std::string>{"id"});
  put_account("another of the same name");
  ASSERT_TRUE(sweep_regions(*bench_));
  EXPECT_TRUE(depot_->blobs().list()->empty());
}

TEST_F(ImportBlob, FreesNamesWhoseAccountNeverCame) {
  const auto put_name = [&](const char* name, const std::string& id) {
    ASSERT_TRUE(model_.change("", [&](model::Change& change) {
      return change.put_fact(blob::name_fact(name),
                             JsonObject{{"id", id}, {"taken", to_iso8601(change.now())}});
    }));
  };
  const auto is_there = [&](const char* name) {
    bool found = false;
    EXPECT_TRUE(model_.read("", [&](const model::View& view) -> Result<> {
      found = TRY(view.find_fact(blob::name_fact(name)))
      .has_value();
      return {};
    }));
    return found;
  };
  put_name("acct", account_.text());
  put_name("never", account_.text() + "2");
  ASSERT_TRUE(sweep_regions(*bench_));
  EXPECT_TRUE(is_there("never"));  // its row may be on its way
  clock_.advance(std::chrono::hours(2));
  ASSERT_TRUE(sweep_regions(*bench_));
  EXPECT_FALSE(is_there("never"));
  EXPECT_TRUE(is_there("acct"));
}

}  // namespace
}  // namespace pinaco::work
