// An outpost, and in the place of a far QEMU whoever connects.
#include <gtest/gtest.h>

#include "machine/description.h"
#include "machine/guest_folders.h"
#include "machine/supervised_test.h"

namespace pinaco::machine {
namespace {

class Outpost : public testing::Test {
 protected:
  void SetUp() override {
    Machine machine;
    machine.id = guest_id;
    machine.disks = {{.slot = "os", .overlay_path = "/elsewhere/os.qcow2", .size_bytes = 1 << 20}};
    machine.facts.id = guest_id;
    machine.facts.mac = "00:0d:3a:01:02:03";
    auto begin = to_json(machine);
    set_path(begin, "outpost", "127.0.0.1");
    const auto answer = folders_.launch(guest_id, {}, begin);
    ASSERT_TRUE(answer) << answer.error().message;
    card_ = static_cast<std::uint16_t>(int_at(*answer, "card"));
    console_ = static_cast<std::uint16_t>(int_at(*answer, "console"));
  }
  ~Outpost() override { (void)tell("end"); }

  Result<> tell(std::string_view what) { return folders_.tell(guest_id, JsonObject{{"do", what}}); }
  static os::Socket connect(std::uint16_t port) {
    return os::Socket::connect("127.0.0.1", port, patience).value();
  }
  static bool is_dropped(const os::Socket& socket) {
    if (!socket.wait_readable(std::chrono::seconds(10)).value()) return false;
    Bytes byte(1);
    const auto got = socket.read_some(byte, patience);
    return !got || *got == 0;
  }
  void wait_for_text(std::string_view text) {
    const auto give_up = system_clock().steady() + patience;
    while (folders_.console(guest_id).value_or("").find(text) == std::string::npos) {
      ASSERT_LT(system_clock().steady(), give_up);
    }
  }

  os::TestFolder folder_;
  GuestFolders folders_{folder_.path(), {"/proc/self/exe", "machine"}};
  std::uint16_t card_ = 0;
  std::uint16_t console_ = 0;
};

TEST_F(Outpost, DropsWhoIsNotExpected) {
  EXPECT_TRUE(is_dropped(connect(card_)));
  EXPECT_TRUE(is_dropped(connect(console_)));
}

TEST_F(Outpost, TakesOneConnectionEachAfterItWasToldTo) {
  ASSERT_TRUE(tell("expect"));
  const auto first = connect(console_);
  ASSERT_TRUE(first.write_all(as_bytes("hello from far"), patience));
  wait_for_text("hello from far");
  const auto card = connect(card_);
  EXPECT_TRUE(is_dropped(connect(card_)));
  // The next power-on; what hangs from the one before does not stand in its way.
  ASSERT_TRUE(tell("expect"));
  const auto second = connect(console_);
  ASSERT_TRUE(second.write_all(as_bytes("again"), patience));
  wait_for_text("hello from faragain");
  EXPECT_TRUE(is_dropped(first));
}

TEST_F(Outpost, DropsWhoComesAfterAPowerOnThatFailed) {
  ASSERT_TRUE(tell("expect"));
  ASSERT_TRUE(tell("withdraw"));
  EXPECT_TRUE(is_dropped(connect(card_)));
  EXPECT_TRUE(is_dropped(connect(console_)));
}

TEST_F(Outpost, DropsWhoIsNotTheHost) {
  const auto expect = [&](const char* address) {
    return folders_.tell(guest_id,
                         JsonObject{{"do", "expect"}, {"from", JsonArray{Json(address)}}});
  };
  ASSERT_TRUE(expect("10.255.0.1"));
  EXPECT_TRUE(is_dropped(connect(console_)));
  ASSERT_TRUE(expect("127.0.0.1"));
  const auto host = connect(console_);
  ASSERT_TRUE(host.write_all(as_bytes("it is me"), patience));
  wait_for_text("it is me");
}

TEST_F(Outpost, SaysThatTheCardWasRefused) {
  guest::Facts facts;
  facts.id = guest_id;
  facts.mac = "00:0d:3a:01:02:03";
  facts.computer_name = "refused";
  ASSERT_TRUE(
      folders_.tell(guest_id, JsonObject{{"do", "change"}, {"facts", guest::to_json(facts)}}));
  ASSERT_TRUE(tell("expect"));
  const auto card = connect(card_);
  const auto give_up = system_clock().steady() + patience;
  while (string_at(folders_.read_note(guest_id, "report.json"), "trouble") !=
         "it has no network: the card is refused") {
    ASSERT_LT(system_clock().steady(), give_up);
  }
}

TEST_F(Outpost, ReportsWhatTheGuestSays) {
  ASSERT_TRUE(tell("expect"));
  const auto card = connect(card_);
  guest::Facts facts;
  facts.id = guest_id;
  facts.mac = "00:0d:3a:01:02:03";
  facts.computer_name = "named";
  const auto give_up = system_clock().steady() + patience;
  while (folders_.report_of(guest_id).text != "named") {
    ASSERT_LT(system_clock().steady(), give_up);
    ASSERT_TRUE(
        folders_.tell(guest_id, JsonObject{{"do", "change"}, {"facts", guest::to_json(facts)}}));
  }
}

TEST_F(Outpost, RefusesOtherWordsAndEnds) {
  EXPECT_EQ(tell("dance").error().kind, Kind::invalid);
  EXPECT_TRUE(folders_.lives(guest_id).value());
  ASSERT_TRUE(tell("end"));
  EXPECT_TRUE(folders_.has_ended(guest_id, patience));
}

}  // namespace
}  // namespace pinaco::machine
