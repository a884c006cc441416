// The parts of a Hypervisor by themselves: QMP, the order of boots, the console's file.
#include <gtest/gtest.h>

#include "machine/admission.h"
#include "machine/console_log.h"
#include "machine/qmp.h"
#include "os/files.h"
#include "os/sockets.h"
#include "os/test_folder.h"

namespace pinaco::machine {
namespace {

constexpr Milliseconds patience = std::chrono::seconds(20);

// A QMP client whose QEMU says `text`.
Qmp hear(std::string_view text, os::Socket& far) {
  auto pair = os::socket_pair().value();
  far = std::move(pair.far);
  EXPECT_TRUE(far.write_all(as_bytes(text), patience));
  return Qmp(std::move(pair.near));
}

TEST(Qmp, TakesItsAnswerAmongEvents) {
  os::Socket far;
  auto client = hear(
      "{\"QMP\":{}}\n{\"event\":\"RESET\"}\n{\"return\":{},\"id\":0}\n"
      "{\"return\":{\"status\":\"running\"},\"id\":1}\n{\"event\":\"STOP\"}\n",
      far);
  const auto answer = client.execute("query-status", {}, patience);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(string_at(*answer, "status"), "running");
  EXPECT_TRUE(client.wait_event("STOP", patience).value());
  EXPECT_FALSE(client.wait_event("RESET", Milliseconds(1)).value());
}

TEST(Qmp, PassesOnWhatQemuRefuses) {
  os::Socket far;
  auto client =
      hear("{\"error\":{\"class\":\"GenericError\",\"desc\":\"no such\"},\"id\":1}\n", far);
  const auto answer = client.execute("eject", {}, patience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::conflict);
  EXPECT_EQ(answer.error().message, "QEMU refuses eject: no such");
}

TEST(Qmp, RefusesGarbageAndEndlessLines) {
  for (const auto& text : {std::string("garbage\n"), std::string("[]\n"), std::string("\n")}) {
    os::Socket far;
    auto client = hear(text, far);
    EXPECT_EQ(client.execute("stop", {}, patience).error().kind, Kind::corrupt) << text;
  }
  auto pair = os::socket_pair().value();
  Qmp client(std::move(pair.near));
  std::thread writer([&] {
    (void)pair.far.write_all(Bytes(3 << 20, 'x'), patience);
    const os::Socket close_now = std::move(pair.far);
  });
  EXPECT_EQ(client.execute("stop", {}, patience).error().kind, Kind::corrupt);
  {
    const auto close_now = std::move(client);
  }
  writer.join();
}

TEST(Qmp, SaysThatQemuHasEndedOrIsSilent) {
  os::Socket far;
  auto silent = hear("", far);
  EXPECT_NE(silent.execute("stop", {}, Milliseconds(1)).error().message.find("does not answer"),
            std::string::npos);
  os::Socket gone;
  auto ended = hear("", gone);
  gone.shut_down();
  EXPECT_EQ(ended.execute("stop", {}, patience).error().kind, Kind::unavailable);
}

class Boots : public testing::Test {
 protected:
  // Starts a thread that waits its turn, and returns once it waits.
  void queue(const std::string& id) {
    const auto before = admission_.waiting();
    threads_.emplace_back([this, id] {
      if (!admission_.enter(id)) return;
      const std::lock_guard lock(mutex_);
      entered_.push_back(id);
      came_.notify_all();
    });
    while (admission_.waiting() == before) std::this_thread::yield();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, patience, [&] { return entered_.size() >= count; });
    return entered_;
  }
  ~Boots() override {
    stopped_ = true;
    for (auto& thread : threads_) thread.join();
  }

  ManualClock clock_;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> up_ = false;
  Admission admission_{1, clock_, [this](const std::string&) { return up_.load(); },
                       [this] { return stopped_.load(); }};
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> entered_;
  std::vector<std::thread> threads_;
};

TEST_F(Boots, AreAdmittedInTheOrderInWhichTheyCame) {
  ASSERT_TRUE(admission_.enter("first"));
  queue("second");
  queue("third");
  admission_.started("first", false);
  EXPECT_EQ(wait_for(1), std::vector<std::string>{"second"});
  EXPECT_EQ(admission_.waiting(), 1u);
  admission_.started("second", false);
  EXPECT_EQ(wait_for(2), (std::vector<std::string>{"second", "third"}));
}

TEST_F(Boots, MakeRoomWhenTheyReport) {
  ASSERT_TRUE(admission_.enter("first"));
  up_ = true;  // as from an earlier life: not before it was started
  queue("second");
  EXPECT_EQ(admission_.waiting(), 1u);
  admission_.started("first", true);
  EXPECT_EQ(wait_for(1), std::vector<std::string>{"second"});
}

TEST_F(Boots, MakeRoomAfterAWhile) {
  ASSERT_TRUE(admission_.enter("first"));
  admission_.started("first", true);
  queue("second");
  clock_.advance(std::chrono::seconds(90));
  EXPECT_EQ(wait_for(1), std::vector<std::string>{"second"});
}

TEST_F(Boots, AreCancelledWhenStopped) {
  ASSERT_TRUE(admission_.enter("first"));
  stopped_ = true;
  EXPECT_EQ(admission_.enter("second").error().kind, Kind::cancelled);
  EXPECT_EQ(admission_.waiting(), 0u);
}

TEST(ConsoleLog, KeepsTheLastMebibyte) {
  const os::TestFolder folder;
  const auto path = folder / "console.log";
  auto log = ConsoleLog::create(path).value();
  std::string said;
  for (int i = 0; i < 300; ++i) {
    const auto piece =
        fmt::format("{:09}\n", i) + std::string(10'000, static_cast<char>('a' + i % 26));
    said += piece;
    ASSERT_TRUE(log.append(as_bytes(piece)));
    ASSERT_LE(std::filesystem::file_size(path), 2u << 20);
  }
  EXPECT_EQ(read_console(path).value(), said.substr(said.size() - (1 << 20)));
  ASSERT_TRUE(log.append(Bytes(5 << 20, 'z')));
  EXPECT_EQ(read_console(path).value(), std::string(1 << 20, 'z'));
}

}  // namespace
}  // namespace pinaco::machine
