// A server as one principal sees it: requests with a token, errors in words, long operations
// awaited.
//
// Threads: one at a time. Lifetime: clock and waiting outlive it. Limits: lists up to 10,000
// items. Errors: what the server said, with its code; unavailable when it did not answer in spite
// of all patience; cancelled when the user stopped the command.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/login.h"
#include "app/retry.h"
#include "base/json.h"

namespace pinaco::app {

struct Reply {
  int status = 0;
  http::Headers headers = {};
  Json body = nullptr;  // null when empty
  int attempts = 1;     // more than one: an earlier attempt may have had its effect
};

// Called at each look at an operation, with its status document; an error ends the wait.
using OnPoll = std::function<Result<>(const Json& status)>;

class Connection {
 public:
  Connection(Login login, Patience patience);

  const Login& login() const { return login_; }
  const Patience& patience() const { return patience_; }

  // `path` is "/...?api-version=..."; of a whole URL only the path is used, so that the token goes
  // nowhere but to the endpoint. Anything but 2xx is an error.
  Result<Reply> send(std::string_view method, std::string_view path, const Json* body = nullptr);
  Result<Json> get(std::string_view path);
  Result<std::optional<Json>> find(std::string_view path);  // nullopt at 404
  // All items of a collection, following nextLink, ARM's or Graph's.
  Result<std::vector<Json>> list(std::string_view path);
  // Waits for the operation that a reply speaks of. After a POST, what its Location gives.
  Result<Json> finish(const Reply& reply, bool post, const OnPoll& on_poll = {});
  Result<Json> run(std::string_view method, std::string_view path, const Json* body = nullptr,
                   const OnPoll& on_poll = {});
  // Deletes and waits; what is not there is no error.
  Result<> remove(std::string_view path);

  // "/subscriptions/{id}" and "/subscriptions/{id}/resourceGroups/{group}"
  std::string subscription_path() const;
  std::string group_path(std::string_view group) const;

  // Called with each warning that the server puts beside an answer.
  void on_warning(std::function<void(std::string_view)> hear) { hear_ = std::move(hear); }

  http::ClientOptions link_options() const { return {.ca_file = login_.ca_file}; }

 private:
  Result<> ensure_token();
  Result<Sent> send_with_token(std::string_view method, const std::string& path,
                               const std::string& body);
  Result<Json> poll(std::string_view url, bool location, const OnPoll& on_poll);

  Login login_;
  Patience patience_;
  std::unique_ptr<http::Client> client_;
  std::string token_;
  SteadyTime renew_at_ = {};
  bool reached_ = false;  // the server has answered once
  std::function<void(std::string_view)> hear_;
};

// The login that the environment gives. Repeats are noted on the console, once in a while, and the
// server's warnings.
Result<std::unique_ptr<Connection>> connect(Patience patience, Console& console);

// Gets a token; its lifetime too.
struct Token {
  std::string text;
  Seconds lifetime;
};
Result<Token> get_token(http::Client& client, const Login& login, const Patience& patience);

// The texts of Warning headers: 299 - "text".
std::vector<std::string> warnings_in(const http::Headers& headers);

// Puts a sentence behind what an error says.
void add_sentence(Error& error, std::string_view sentence);

// The error that an answer of a status other than 2xx tells: ARM's envelope or a blob's XML.
Error error_of(int status, std::string_view body);

}  // namespace pinaco::app
