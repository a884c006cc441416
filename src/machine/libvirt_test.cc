// Against libvirt's own simulated host, which every libvirt brings along.
#include "machine/libvirt.h"

#include <gtest/gtest.h>

#include "os/files.h"
#include "os/test_folder.h"

namespace pinaco::machine {
namespace {

const std::string id = "0a0b0c0d-1111-2222-3333-444455556666";
const std::string tiny = "<domain type='test'><name>tiny</name><uuid>" + id +
                         "</uuid><memory>1024</memory><os><type>hvm</type></os></domain>";

TEST(Libvirt, TakesADomainThroughItsLife) {
  Libvirt host("here", "test:///default", "default-pool");
  ASSERT_TRUE(host.connect());
  EXPECT_EQ(host.domain(id).value().is, Domain::Is::missing);
  ASSERT_TRUE(host.define(tiny));
  EXPECT_EQ(host.domain(id).value().is, Domain::Is::off);
  ASSERT_TRUE(host.power_on(id));
  ASSERT_TRUE(host.power_on(id));  // repeatable
  EXPECT_EQ(host.domain(id).value().is, Domain::Is::running);
  EXPECT_NE(host.live_xml(id).value().find("<name>tiny</name>"), std::string::npos);
  ASSERT_TRUE(host.power_off(id));
  ASSERT_TRUE(host.power_off(id));
  EXPECT_EQ(host.domain(id).value().is, Domain::Is::off);
  ASSERT_TRUE(host.undefine(id));
  ASSERT_TRUE(host.undefine(id));
  EXPECT_TRUE(host.power_off(id));
  EXPECT_EQ(host.power_on(id).error().kind, Kind::not_found);
}

TEST(Libvirt, SaysWhichHostWhatAndWhy) {
  Libvirt host("east", "test:///default", "default-pool");
  const auto defined = host.define("<domain type='none of these'/>");
  ASSERT_FALSE(defined);
  EXPECT_NE(defined.error().message.find("'east'"), std::string::npos);
  EXPECT_NE(defined.error().message.find("defining a guest"), std::string::npos);
  // Its words are for those who run the server.
  EXPECT_EQ(defined.error().message.find("missing name"), std::string::npos)
      << defined.error().message;
}

TEST(Libvirt, SaysThatThePoolIsMissingAndHowToMakeIt) {
  Libvirt host("east", "test:///default", "no-such-pool");
  const auto connected = host.connect();
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().kind, Kind::unavailable);
  EXPECT_NE(connected.error().message.find("pool-define-as no-such-pool"), std::string::npos);
}

TEST(Libvirt, DoesNotAskAHostThatIsAwayAgainAtOnce) {
  const os::TestFolder folder;
  Libvirt host("east", "qemu+unix:///system?socket=" + (folder / "none"), "default");
  const auto first = host.connect();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind, Kind::unavailable);
  EXPECT_NE(first.error().message.find("'east' cannot be reached"), std::string::npos);
  EXPECT_EQ(first.error().message.find("socket="), std::string::npos) << first.error().message;
  const auto before = system_clock().steady();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(host.domain(id));
  EXPECT_LT(system_clock().steady() - before, std::chrono::seconds(1));
}

TEST(Libvirt, LeavesNothingOfAVolumeThatCouldNotBeSent) {
  const os::TestFolder folder;
  ASSERT_TRUE(os::write_file_durably(folder / "disk", as_bytes("bytes")));
  Libvirt host("here", "test:///default", "default-pool");
  EXPECT_EQ(host.find_volume("pinaco-x").value(), std::nullopt);
  // The simulated host makes volumes, and takes no bytes.
  EXPECT_FALSE(host.upload("pinaco-x", folder / "disk"));
  EXPECT_EQ(host.find_volume("pinaco-x").value(), std::nullopt);
  EXPECT_TRUE(host.erase_volume("pinaco-x"));
  EXPECT_EQ(host.download("pinaco-x", folder / "back", 100).error().kind, Kind::not_found);
  EXPECT_FALSE(os::exists(folder / "back").value());
}

}  // namespace
}  // namespace pinaco::machine
