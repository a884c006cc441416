// The discs, read by a small reader of our own and, where it is installed, by xorriso.
#include <crypt.h>

#include <cstdio>
#include <cstdlib>

#include "guest/guest_testing.h"
#include "guest/iso9660.h"
#include "guest/xml.h"
#include "os/files.h"
#include "os/test_folder.h"

namespace pinaco::guest {
namespace {

using testing::HasSubstr;
using testing::Not;

// Follows the volume to its folder, and each record to its Rock Ridge name.
std::map<std::string, std::string> read_disc(ByteView disc) {
  std::map<std::string, std::string> files;
  const auto volume = disc.subspan(16 * 2048, 2048);
  EXPECT_EQ(as_text(volume.subspan(1, 5)), "CD001");
  EXPECT_EQ(load_le<std::uint32_t>(volume, 80), disc.size() / 2048);
  const auto at = load_le<std::uint32_t>(volume, 156 + 2);
  auto folder = disc.subspan(at * 2048, load_le<std::uint32_t>(volume, 156 + 10));
  while (!folder.empty() && folder[0] != 0) {
    const auto record = folder.first(folder[0]);
    std::size_t use = 33u + record[32];
    use += use % 2;
    std::string name;
    while (use + 4 <= record.size() && record[use + 2] >= 4) {
      const auto entry = record.subspan(use, record[use + 2]);
      if (as_text(entry.first(2)) == "NM") name = as_text(entry.subspan(5));
      use += entry.size();
    }
    if (!name.empty()) {
      files[name] = as_text(disc.subspan(load_le<std::uint32_t>(record, 2) * std::size_t{2048},
                                         load_le<std::uint32_t>(record, 10)));
    }
    folder = folder.subspan(record.size());
  }
  return files;
}

std::string label_of(ByteView disc) {
  return std::string(trim(as_text(disc.subspan(16 * 2048 + 40, 32))));
}

TEST(ProvisioningDisc, TellsTheAgentsWhomToBecome) {
  const auto disc = provisioning_disc(test_facts());
  ASSERT_TRUE(disc) << disc.error().message;
  EXPECT_EQ(label_of(*disc), "rd_rdfe_stable");
  const auto files = read_disc(*disc);
  ASSERT_EQ(files.size(), 1);
  const auto text = files.at("ovf-env.xml");
  EXPECT_EQ(xml_element(text, "wa:UserName"), "ada");
  EXPECT_EQ(xml_element(text, "wa:HostName"), "web-1");
  EXPECT_EQ(xml_unescape(xml_element(text, "wa:UserPassword")), test_facts().password);
  EXPECT_EQ(xml_element(text, "wa:DisableSshPasswordAuthentication"), "false");
  EXPECT_EQ(xml_element(text, "wa:CustomData"), test_facts().custom_data);
  EXPECT_EQ(xml_element(text, "wa:Value"), "ssh-ed25519 AAAAB3 ada@x");
}

TEST(ProvisioningDisc, IsTheSameForTheSameFacts) {
  EXPECT_EQ(*provisioning_disc(test_facts()), *provisioning_disc(test_facts()));
  EXPECT_EQ(*cloud_init_disc(test_facts()), *cloud_init_disc(test_facts()));
}

TEST(ProvisioningDisc, IsRefusedToSpecializedAndWindowsGuests) {
  Facts facts = test_facts();
  facts.generalized = false;
  EXPECT_FALSE(provisioning_disc(facts));
  facts = test_facts();
  facts.os = "Windows";
  EXPECT_FALSE(cloud_init_disc(facts));
  facts = test_facts();
  facts.user = "";
  EXPECT_FALSE(provisioning_disc(facts));
}

TEST(CloudInitDisc, HasTheAccountAndCustomDataAsItIs) {
  const auto disc = cloud_init_disc(test_facts());
  ASSERT_TRUE(disc) << disc.error().message;
  EXPECT_EQ(label_of(*disc), "cidata");
  const auto files = read_disc(*disc);
  ASSERT_EQ(files.size(), 3);
  EXPECT_EQ(files.at("user-data"), "#!/bin/sh\necho hello\n");
  EXPECT_THAT(files.at("meta-data"), HasSubstr(test_facts().id));
  EXPECT_THAT(files.at("vendor-data"), HasSubstr("- name: \"ada\"\n"));
  EXPECT_THAT(files.at("vendor-data"), HasSubstr("NOPASSWD:ALL"));
  EXPECT_THAT(files.at("vendor-data"), HasSubstr("ssh_pwauth: true"));
  EXPECT_THAT(files.at("vendor-data"), HasSubstr("- \"ssh-ed25519 AAAAB3 ada@x\""));
}

TEST(CloudInitDisc, HoldsOnlyAHashOfThePassword) {
  Facts facts = test_facts();
  facts.password = "CorrectHorse9";
  const auto disc = cloud_init_disc(facts);
  ASSERT_TRUE(disc);
  EXPECT_THAT(std::string(as_text(*disc)), Not(HasSubstr(facts.password)));
  const auto text = read_disc(*disc).at("vendor-data");
  const auto from = text.find("$6$");
  ASSERT_NE(from, text.npos);
  const auto hash = text.substr(from, text.find('"', from) - from);
  crypt_data data = {};
  EXPECT_EQ(hash, ::crypt_r(facts.password.c_str(), hash.c_str(), &data));
  EXPECT_NE(hash, ::crypt_r("CorrectHorse8", hash.c_str(), &data));
}

TEST(Iso9660, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(make_iso9660("", {}));
  EXPECT_FALSE(make_iso9660("a", {{.name = "a/b", .content = ""}}));
  EXPECT_FALSE(make_iso9660("a", {{.name = std::string(65, 'a'), .content = ""}}));
  EXPECT_FALSE(make_iso9660("a", std::vector<DiscFile>(17, {.name = "a", .content = ""})));
  EXPECT_FALSE(make_iso9660("a", std::vector<DiscFile>(16, {.name = std::string(64, 'a')})));
}

TEST(Iso9660, KeepsFilesWhoseShortNamesAreEqual) {
  const auto disc = make_iso9660("a", {{.name = "vendor-data-1", .content = "one"},
                                       {.name = "vendor-data-2", .content = std::string(5000, 'x')},
                                       {.name = "empty", .content = ""}});
  ASSERT_TRUE(disc);
  const auto files = read_disc(*disc);
  ASSERT_EQ(files.size(), 3);
  EXPECT_EQ(files.at("vendor-data-1"), "one");
  EXPECT_EQ(files.at("vendor-data-2"), std::string(5000, 'x'));
  EXPECT_EQ(files.at("empty"), "");
}

TEST(Iso9660, IsReadByXorrisoWithLongNamesAndTheSameBytes) {
  if (std::system("command -v xorriso >/dev/null") != 0) {
    if (std::getenv("CI") != nullptr) FAIL() << "xorriso is missing";
    GTEST_SKIP() << "xorriso is missing";
  }
  const os::TestFolder folder;
  const auto disc = provisioning_disc(test_facts());
  ASSERT_TRUE(disc);
  ASSERT_TRUE(os::write_file_durably(folder / "a.iso", *disc));
  const auto command = fmt::format(
      "xorriso -abort_on WARNING -osirrox on -indev {0}/a.iso -extract /ovf-env.xml {0}/out "
      ">{0}/log 2>&1",
      folder.path());
  EXPECT_EQ(std::system(command.c_str()), 0)
      << os::read_file(folder / "log", 1 << 20).value_or("no log");
  const auto out = os::read_file(folder / "out", 1 << 20);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(*out, read_disc(*disc).at("ovf-env.xml"));
}

}  // namespace
}  // namespace pinaco::guest
