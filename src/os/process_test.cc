// Processes: output, exit, inherited descriptors, and ends that cannot be refused.
#include "os/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "os/files.h"
#include "os/test_folder.h"

namespace pinaco::os {
namespace {

constexpr Milliseconds patience = std::chrono::seconds(20);

Result<Finished> shell(const std::string& script) {
  return run_program({"sh", "-c", script}, patience);
}

TEST(Process, GivesBothOutputsAndTheExitCode) {
  const auto finished = shell("echo out; echo err >&2; exit 7");
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(finished->output, "out\n");
  EXPECT_EQ(finished->errors, "err\n");
  EXPECT_EQ(finished->status, 7);
}

TEST(Process, PassesArgumentsUntouched) {
  const auto finished = run_program({"printf", "%s|", "a b", "$HOME", "'\"*;"}, patience);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->output, "a b|$HOME|'\"*;|");
}

TEST(Process, HasAnEmptyInput) {
  const auto finished = shell("cat; echo done");
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->output, "done\n");
}

TEST(Process, OfAMissingProgramIsNotFound) {
  const auto finished = run_program({"no-such-program-anywhere"}, patience);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, Kind::not_found);
}

TEST(Process, SeesOnlyTheDescriptorsItInherits) {
  auto pair = socket_pair();
  ASSERT_TRUE(pair);
  const int inherited[] = {pair->far.descriptor()};
  auto process = Process::start({"sh", "-c", "echo hello >&3; ls /proc/$$/fd"}, inherited);
  ASSERT_TRUE(process) << process.error().message;
  Bytes hello(6);
  ASSERT_TRUE(pair->near.read_exact(hello, patience));
  EXPECT_EQ(as_text(hello), "hello\n");
  ASSERT_EQ(process->wait(patience).value_or(99), 0);
  Bytes listing(1000);
  const auto got = process->output().read_some(listing, patience);
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(ByteView(listing).first(*got)), "0\n1\n2\n3\n");
}

TEST(Process, TellsASignalFromAnExit) {
  const auto finished = shell("kill -9 $$");
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->status, 128 + SIGKILL);
}

TEST(Process, EndsOneThatDoesNotListen) {
  auto process = Process::start({"sh", "-c", "trap '' TERM; echo ready; while :; do read x; done"});
  ASSERT_TRUE(process);
  Bytes ready(6);
  ASSERT_TRUE(process->output().read_exact(ready, patience));
  EXPECT_EQ(process->wait(Milliseconds(0)).value(), std::nullopt);
  EXPECT_EQ(process->end(Milliseconds(20)), 128 + SIGKILL);
  EXPECT_EQ(process->wait(Milliseconds(0)).value(), 128 + SIGKILL);
}

TEST(Process, IsGoneWithItsOwner) {
  pid_t id = 0;
  {
    const auto process = Process::start({"sleep", "1000"});
    ASSERT_TRUE(process);
    id = process->id();
  }
  EXPECT_EQ(::kill(id, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Process, IsKilledWhenItsParentThreadDies) {
  std::optional<Result<Process>> process;
  std::thread([&] { process.emplace(Process::start({"sleep", "1000"})); }).join();
  ASSERT_TRUE(process && *process);
  EXPECT_EQ((*process)->wait(patience).value(), 128 + SIGKILL);
}

TEST(Detached, OutlivesTheThreadThatStartedItInASessionOfItsOwn) {
  const TestFolder folder;
  auto pair = socket_pair().value();
  std::thread([&] {
    const int inherited[] = {pair.far.descriptor()};
    const auto started = start_detached(
        {"sh", "-c", "echo log; ps -o sid= -p $$ >&3; read line <&3; echo $line >&3"},
        folder / "log", inherited);
    EXPECT_TRUE(started) << started.error().message;
    const Socket close_now = std::move(pair.far);
  }).join();
  Bytes said(64);
  const auto got = pair.near.read_some(said, patience).value();
  const auto session = std::stoi(std::string(as_text(ByteView(said).first(got))));
  EXPECT_NE(session, ::getsid(0));
  ASSERT_TRUE(pair.near.write_all(as_bytes("alive\n"), patience));
  said.resize(6);
  ASSERT_TRUE(pair.near.read_exact(said, patience));
  EXPECT_EQ(as_text(said), "alive\n");
  EXPECT_EQ(pair.near.read_some(said, patience).value(), 0u);
  EXPECT_EQ(read_file(folder / "log", 100).value(), "log\n");
}

TEST(Detached, OfAMissingProgramIsNotFound) {
  const TestFolder folder;
  const auto started = start_detached({"no-such-program-anywhere"}, folder / "log", {});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, Kind::not_found);
}

TEST(Detached, HoldsTheLockThatItWasGiven) {
  const TestFolder folder;
  auto pair = socket_pair().value();
  {
    const auto lock = lock_file(folder / "lock").value();
    const int inherited[] = {lock.descriptor(), pair.far.descriptor()};
    ASSERT_TRUE(start_detached({"sh", "-c", "read line <&4"}, folder / "log", inherited));
    const Socket close_now = std::move(pair.far);
  }
  EXPECT_EQ(wait_for_lock(folder / "lock", Milliseconds(1)).error().kind, Kind::conflict);
  ASSERT_TRUE(pair.near.write_all(as_bytes("end\n"), patience));
  EXPECT_TRUE(wait_for_lock(folder / "lock", patience));
}

TEST(RunProgram, EndsAProgramThatTakesTooLong) {
  const auto finished = run_program({"sleep", "1000"}, Milliseconds(20));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, Kind::unavailable);
}

TEST(RunProgram, CutsEndlessOutput) {
  const auto finished = shell("head -c 3000000 /dev/zero");
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->output.size(), 1u << 20);
}

}  // namespace
}  // namespace pinaco::os
