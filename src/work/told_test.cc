// The server's own paths stay in its log.
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "os/test_folder.h"
#include "work/tasks.h"

namespace pinaco::work {
namespace {

class Told : public testing::Test {
 protected:
  Bench bench() { return {model_, depot_, options_, ending_}; }
  std::string told(std::string message) {
    const auto here = bench();
    return work::told(here, std::move(message));
  }

  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, system_clock(), system_random()};
  Depot depot_{{}, nullptr, nullptr};
  WorkerOptions options_{.folders = {"/srv/pinaco/regions/", "/srv/pinaco", "data"}};
  std::atomic<bool> ending_ = false;
};

TEST_F(Told, NamesNoFileOfTheServer) {
  EXPECT_EQ(told("reading /srv/pinaco/uploads/0a.vhd: Input/output error"),
            "reading a file of the server: Input/output error");
  EXPECT_EQ(told("The disk '/srv/pinaco/regions/a/1.pack' is gone."),
            "The disk 'a file of the server' is gone.");
  EXPECT_EQ(told("renaming /srv/pinaco/a to /srv/pinaco/b.tmp."),
            "renaming a file of the server to a file of the server.");
  EXPECT_EQ(told("listing the folder /srv/pinaco"), "listing the folder a file of the server");
  EXPECT_EQ(told("socket=/srv/pinaco/disks.sock,x"), "socket=a file of the server,x");
  EXPECT_EQ(told("opening data/blobs/x"), "opening a file of the server");
}

TEST_F(Told, LeavesWhatPeopleNamedAlone) {
  for (const char* text :
       {"The key for '/home/ann/.ssh/authorized_keys' is none.",
        "/subscriptions/s/resourceGroups/data/providers/P/disks/d is not there.",
        "/srv/pinaco-old/x", "its data is damaged", "the metadata/x", "/home/srv/pinaco.txt",
        "The template's resources[0].name 'a/srv/pinaco/b' has too many segments.",
        "The template link 'https://host/srv/pinaco/main.json' is not available.",
        "The blob 'disks/data/linux.vhd' of https://acct.blob.host/disks/data/linux.vhd is not "
        "there.",
        "The template file '/home/ann/data/main.json' names no resource."}) {
    EXPECT_EQ(told(text), text);
  }
}

TEST_F(Told, NamesNoFolderThatALinkLeadsTo) {
  const os::TestFolder folder;
  const auto target = std::filesystem::canonical(folder.path()).string() + "/disk one";
  const auto link = folder / "stores";
  ASSERT_TRUE(std::filesystem::create_directory(target));
  std::filesystem::create_directory_symlink(target, link);
  options_.folders = {link + "/", link + "/../stores"};
  for (const auto& each : {link, link + "/../stores", target}) {
    EXPECT_EQ(told("reading " + each + "/a/1.pack: Input/output error"),
              "reading a file of the server: Input/output error")
        << each;
  }
}

TEST_F(Told, AFailedOperationSaysWhatFailedAndNotWhere) {
  const auto id = *arm::ResourceId::parse(
      "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/"
      "Microsoft.Compute/disks/d");
  model::Operation operation;
  ASSERT_TRUE(model_.change(id.subscription, [&](model::Change& change) -> Result<> {
    operation =
        TRY(change.start({.resource = id, .task = "import_upload", .surface = "", .location = ""}));
    return {};
  }));
  auto here = bench();
  ASSERT_TRUE(finish_failed(here, operation, system_error("reading /srv/pinaco/x.vhd", EIO)));
  ASSERT_TRUE(model_.read(id.subscription, [&](const model::View& view) -> Result<> {
    operation = *TRY(view.find_operation(operation.id));
    return {};
  }));
  EXPECT_EQ(operation.error_message, "reading a file of the server: Input/output error");
}

}  // namespace
}  // namespace pinaco::work
