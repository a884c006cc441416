// For tests of commands against a whole server: who is logged in, and what was printed.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "app/client.h"
#include "app/console.h"
#include "app/server_testing.h"

namespace pinaco::app {

// Lifetime: the server outlives it. A login holds as long as its token, an hour.
class Terminal {
 public:
  explicit Terminal(WholeServer& server, bool json = false)
      : console({.json = json, .out = out_.get(), .error = error_.get()}, server.clock()),
        connection({.endpoint = server.base(),
                    .ca_file = server.parts().ca_file,
                    .tenant = server.first().tenant,
                    .subscription = server.first().subscription,
                    .client_id = server.first().client_id,
                    .client_secret = server.first().client_secret},
                   {.clock = server.clock(), .waiting = *waiting_, .retry_for = Seconds(5)}) {}

  // On standard output, and on standard error, since the last look.
  std::string printed() { return rest_of(out_.get(), printed_); }
  std::string noted() { return rest_of(error_.get(), noted_); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  static std::string rest_of(std::FILE* file, long& seen) {
    std::fflush(file);
    const auto end = std::ftell(file);
    std::string text(static_cast<std::size_t>(end - seen), '\0');
    std::fseek(file, seen, SEEK_SET);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fseek(file, end, SEEK_SET);
    seen = end;
    return text;
  }

  std::unique_ptr<Waiting> waiting_ = wait_until_stopped();
  File out_{std::tmpfile()};
  File error_{std::tmpfile()};
  long printed_ = 0;
  long noted_ = 0;

 public:
  Console console;
  Connection connection;
};

}  // namespace pinaco::app
