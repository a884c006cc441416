// The front: from an HTTP request to an answer. ARM, the login surface, cloud metadata, signed
// links to page blobs, the blobs of storage accounts, and Pinaco's own small interface
// (/pinaco/v1).
//
// What it is: router.cc is the one page that shows the way of a request: id → row → version →
// token → right → body → handler → reply. Threads: answer() from any number of threads. Lifetime:
// everything in Parts outlives it. Limits: bodies 4 MiB (a page-blob write 4 MiB as well), 256
// exports. Errors: every error becomes a reply here, and nowhere else.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "access/access.h"
#include "deploy/deploy.h"
#include "graph/graph.h"
#include "http/http.h"
#include "identity/identity.h"
#include "lifecycle/lifecycle.h"
#include "model/model.h"
#include "nbd/nbd.h"
#include "provider/provider.h"
#include "work/work.h"

namespace pinaco::front {

struct Parts {
  model::Model& model;
  identity::Identity& identity;
  access::Access& access;
  const provider::World& world;
  work::Depot& depot;
  work::Workers& workers;
  deploy::Deployments& deployments;
  lifecycle::Lifecycle& lifecycle;
  lifecycle::Cascade& cascade;
  work::Host* host;  // where machines run; nullptr: nowhere
  nbd::Server& nbd;
  std::string nbd_host = "127.0.0.1";  // as clients reach the NBD server
  std::string link_key;                // signs links; secret
  std::string scheme = "https";
  // Where the links of deployments may lead besides own storage accounts (links.h); and who signs
  // the certificates there, when it is not one whom the system trusts.
  std::vector<std::string> link_hosts = {};
  std::string link_ca_file = {};
};

// Whether a text may stand in Parts::link_hosts: "name", "name:port", "*.name", "*".
bool is_link_host(std::string_view text);

class Blobs;
class Links;
class OwnInterface;
class Storage;
struct Target;

class Front {
 public:
  // Exports that were given out before a restart are offered again.
  static Result<std::unique_ptr<Front>> open(Parts parts);
  ~Front();

  http::Reply answer(http::Request& request);
  // The same way for what a deployment asks, as its caller: deploy::Dispatch.
  Result<provider::Outcome> perform(const deploy::Request& request);
  // What a deployment's template or parameters link to: deploy::Fetch.
  Result<Json> fetch(const deploy::Link& link);
  static std::uint64_t body_bytes_max(const http::Request& head);

 private:
  explicit Front(Parts parts);
  http::Reply answer_any(http::Request& request);
  http::Reply answer_arm(const http::Request& request, const Target& target);
  provider::Call call_for(std::string method, const Target& target);
  http::Reply answer_graph(const provider::Call& call, const Target& target);
  void record(const provider::Call& call, int status, std::string_view answer,
              const std::string& correlation) const;
  http::Reply refuse_caller(const Error& error, const Target& target) const;
  Result<provider::Outcome> dispatch(provider::Call& call, const Target& target);
  std::optional<Result<provider::Outcome>> dispatch_extension(provider::Call& call,
                                                              const Target& target);
  Result<provider::Outcome> run_extension(const provider::Extension& row, provider::Call& call,
                                          std::string_view scope_text);
  Result<provider::Outcome> dispatch_type(provider::Call& call);
  http::Reply reply_to(const provider::Call& call, Result<provider::Outcome> outcome) const;

  Parts parts_;
  std::unique_ptr<Blobs> blobs_;
  std::unique_ptr<OwnInterface> own_;
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<Links> links_;
  graph::Graph graph_;
};

}  // namespace pinaco::front
