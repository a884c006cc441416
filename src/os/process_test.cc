// Processes: output, exit, inherited descriptors, and ends that cannot be refused.
#include "os/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <thread>

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
