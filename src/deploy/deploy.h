// Deployments: what a template wants is made so, through the same requests that a client would
// send, with the rights of who asked.
//
// What it is: answer() serves <scope>/providers/Microsoft.Resources/deployments on resource groups,
// subscriptions, management groups and tenants. A deployment is a few facts in its scope's shard
// (records.h); a thread goes over those that run, sends what may go next on lanes, and follows the
// long operations that answers begin. Each step may be repeated: a server that starts again sends
// what had no answer once more. Threads: everything from any thread. Lifetime: Model and Access
// outlive it; what it sends goes through `dispatch`. Limits below. Errors: ARM's codes;
// what fails later stands in the deployment.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "identity/identity.h"
#include "model/model.h"
#include "provider/provider.h"

namespace pinaco::deploy {

inline constexpr int nesting_max = 5;             // deployments in deployments
inline constexpr std::size_t waiting_max = 2000;  // then a PUT is answered 429
inline constexpr std::size_t kept_max = 800;      // of a scope; the oldest that ended go

// A request as a client would send it, by somebody whose rights were established when the
// deployment was asked for; what he may do is asked each time anew.
struct Request {
  std::string method;
  std::string path;  // of the resource, and of an action below it
  std::string api_version;
  Json body = nullptr;
  identity::Caller caller = {};
  std::string base_url = {};     // "https://host:port", as the client of the deployment used it
  int deployments = 1;           // around it
  std::string deployed_by = {};  // "RUN/3"
  std::string correlation = {};  // of the deployment
};
using Dispatch = std::function<Result<provider::Outcome>(const Request& request)>;

// A template, or parameters, that somebody's deployment names by a URI.
struct Link {
  std::string uri;  // with what signs it: no answer and no log may hold what is behind its '?'
  identity::Caller caller = {};
  std::string base_url = {};  // "https://host:port", as the client of the deployment used it
};
// What is there, as JSON. InvalidContentLink.
using Fetch = std::function<Result<Json>(const Link& link)>;

struct Options {
  std::size_t lanes = 8;      // requests at once
  std::size_t running = 100;  // deployments at once, of each level of nesting; more wait
  Milliseconds look_every = Milliseconds(100);  // after operations under way
  Milliseconds retry_after = Seconds(2);        // what is busy is sent again
  int attempts_max = 60;
};

class Engine;
struct Asked;

class Deployments {
 public:
  Deployments(model::Model& model, const access::Access& access, Options options = {});
  ~Deployments();

  // Before the first answer(). Takes up what a former process left.
  Result<> start(Dispatch dispatch, Fetch fetch = nullptr);
  void stop();
  void drain();  // waits until none runs; for tests

  // What is answered, for the ledger: methods and what follows ".../deployments".
  struct Way {
    std::string_view method, path;
  };
  static std::vector<Way> ways();
  static std::span<const std::string_view> api_versions();

  // nullopt: the path is none of a deployment's, and no group's exportTemplate.
  std::optional<Result<provider::Outcome>> answer(const provider::Call& call);

 private:
  Result<provider::Outcome> answer(const provider::Call& call, const Asked& asked);
  std::unique_ptr<Engine> engine_;
};

}  // namespace pinaco::deploy
