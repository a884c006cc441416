#include "machine/placement.h"

#include <gtest/gtest.h>

#include "machine/domain_xml.h"
#include "machine/picture.h"
#include "os/test_folder.h"

namespace pinaco::machine {
namespace {

std::string id_of(int number) {
  return fmt::format("00000000-0000-0000-0000-{:012}", number);
}

Machine machine(int number, unsigned memory_mib) {
  Machine made;
  made.id = id_of(number);
  made.memory_mib = memory_mib;
  made.disks = {{.slot = "os",
                 .base_uri = "nbd://10.0.0.1:10810/the-base",
                 .overlay_path = "/here/os.qcow2",
                 .size_bytes = 1 << 20,
                 .frozen = {"/here/old.qcow2"}}};
  made.facts.id = made.id;
  made.facts.mac = "00:0d:3a:01:02:03";
  made.facts.password = "secret";
  made.facts.custom_data = "c2VjcmV0";
  return made;
}

class PlacementOn : public testing::Test {
 protected:
  std::string place(int number, unsigned memory_mib, const std::set<std::string>& without = {}) {
    auto placed = placement_.place(machine(number, memory_mib), without);
    return placed ? placed->host : placed.error().code + placed.error().message;
  }
  os::TestFolder folder_;
  GuestFolders folders_{folder_.path(), {}};
  Placement placement_{folders_,
                       {{.name = "small", .uri = "a", .memory_mib = 1000},
                        {.name = "large", .uri = "b", .memory_mib = 2000}}};
};

TEST_F(PlacementOn, TakesTheHostWithMostMemoryLeft) {
  EXPECT_EQ(place(1, 500), "large");
  EXPECT_EQ(place(2, 600), "large");
  EXPECT_EQ(place(3, 100), "small");
  EXPECT_EQ(place(4, 900), "small");
  ASSERT_TRUE(placement_.forget(id_of(1)));
  EXPECT_EQ(place(5, 1400), "large");
}

TEST_F(PlacementOn, SaysWhatIsLeftWhenNoHostHasRoom) {
  EXPECT_EQ(place(1, 1990), "large");
  EXPECT_EQ(place(2, 1000, {"small"}).substr(0, 16), "AllocationFailed");
  const auto why = place(2, 1001);
  EXPECT_NE(why.find("'small' has 1000 of 1000 MiB left, 'large' has 10 of 2000"),
            std::string::npos)
      << why;
  EXPECT_EQ(placement_.find(id_of(2)).value().has_value(), false);
}

TEST_F(PlacementOn, NotesNoSecrets) {
  EXPECT_EQ(place(1, 500), "large");
  const auto note = to_text(folders_.read_note(id_of(1), "placed.json"));
  EXPECT_NE(note.find("/here/os.qcow2"), std::string::npos);
  EXPECT_EQ(note.find("secret"), std::string::npos);
  EXPECT_EQ(note.find("c2VjcmV0"), std::string::npos);
}

TEST_F(PlacementOn, FindsWhatItNoted) {
  auto placed = placement_.place(machine(7, 64), {}).value();
  placed.kvm = true;
  placed.has_disc = true;
  placed.card_port = 1;
  placed.console_port = 2;
  ASSERT_TRUE(placement_.keep(placed));
  const auto found = placement_.get(id_of(7)).value();
  EXPECT_EQ(found.host, "large");
  EXPECT_TRUE(found.kvm && found.has_disc);
  EXPECT_EQ(found.card_port, 1);
  EXPECT_EQ(found.console_port, 2);
  EXPECT_EQ(found.machine.disks[0].frozen, std::vector<std::string>{"/here/old.qcow2"});
  EXPECT_EQ(placement_.get(id_of(8)).error().kind, Kind::not_found);
}

class DomainXml : public testing::Test {
 protected:
  bool says(std::string_view text) const { return xml_.find(text) != std::string::npos; }
  DomainParts parts_{.server = "10.0.0.1",
                     .card_port = 4001,
                     .console_port = 4002,
                     .paths = {{"/here/os.qcow2", "/pool/os"}, {"/here/old.qcow2", "/pool/old"}}};
  std::string xml_ = domain_xml(machine(1, 512), parts_);
};

TEST_F(DomainXml, SaysEveryLevelOfADisk) {
  EXPECT_TRUE(
      says("<source file='/pool/os'/><backingStore type='file'><format type='qcow2'/>"
           "<source file='/pool/old'/><backingStore type='network'><format type='raw'/>"
           "<source protocol='nbd' name='the-base'><host name='10.0.0.1' port='10810'/></source>"
           "<backingStore/></backingStore></backingStore>"))
      << xml_;
  EXPECT_TRUE(says("error_policy='stop' rerror_policy='stop'"));
  EXPECT_TRUE(says("<target dev='vda' bus='virtio'/><boot order='1'/>"));
}

TEST_F(DomainXml, SaysWhatAgentsOfTheCloudLookFor) {
  EXPECT_TRUE(says("<uuid>" + id_of(1) + "</uuid>"));
  EXPECT_TRUE(says("<entry name='asset'>7783-7084-3265-9085-8269-3286-77</entry>"));
  EXPECT_TRUE(says("<entry name='manufacturer'>Microsoft Corporation</entry>"));
  EXPECT_TRUE(says("<feature policy='disable' name='hypervisor'/>"));
}

TEST_F(DomainXml, LeadsCardAndConsoleToTheOutpost) {
  EXPECT_TRUE(says("<source mode='connect' host='10.0.0.1' service='4002'/>"));
  EXPECT_TRUE(says("&quot;host&quot;:&quot;10.0.0.1&quot;,&quot;port&quot;:&quot;4001&quot;"));
  EXPECT_TRUE(says("00:0d:3a:01:02:03"));
}

TEST_F(DomainXml, KeepsWordsOutOfItsOwnWords) {
  auto made = machine(1, 512);
  made.facts.name = "<&'\">";
  xml_ = domain_xml(made, parts_);
  EXPECT_TRUE(says("<title>&lt;&amp;&#39;&quot;&gt;</title>"));
}

TEST_F(DomainXml, GivesEachPlaceANameOfItsOwn) {
  std::set<std::string> names{target_of("os")};
  for (int lun = 0; lun < 64; ++lun) names.insert(target_of(fmt::format("lun{}", lun)));
  EXPECT_EQ(names.size(), 65u);
  EXPECT_EQ(target_of("lun0"), "sda");
  EXPECT_EQ(target_of("lun26"), "sdaa");
  EXPECT_EQ(target_of("lun63"), "sdbl");
  EXPECT_NE(disc_drive_xml("").find("'sdbm'"), std::string::npos);
}

TEST_F(DomainXml, IsReadBack) {
  EXPECT_TRUE(has_target(xml_, "os"));
  EXPECT_FALSE(has_target(xml_, "lun0"));
  EXPECT_EQ(source_of(xml_, "os"), "/pool/os");
  EXPECT_EQ(source_of(xml_, "lun0"), "");
}

TEST(Picture, BecomesAPng) {
  const auto png = to_png(as_bytes("P6\n2 1\n255\nabcdef")).value();
  EXPECT_EQ(as_text(png).substr(1, 3), "PNG");
  EXPECT_EQ(load_be<std::uint32_t>(png, 16), 2u);
  EXPECT_EQ(load_be<std::uint32_t>(png, 20), 1u);
  EXPECT_EQ(to_png(png).value(), png);
  for (const auto* wrong :
       {"", "P5\n2 1\n255\nabcdef", "P6\n2 1\n255\nabcde", "P6\n2 1\n15\nabcdef", "P6\n0 1\n255\n",
        "P6\n99999 99999\n255\nabc", "P6\n2"}) {
    EXPECT_EQ(to_png(as_bytes(wrong)).error().kind, Kind::corrupt) << wrong;
  }
}

}  // namespace
}  // namespace pinaco::machine
