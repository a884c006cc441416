// The parts of a running Pinaco, put together: the program's table of contents.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "access/access.h"
#include "app/config.h"
#include "app/proxy.h"
#include "base/clock.h"
#include "deploy/deploy.h"
#include "front/front.h"
#include "http/http.h"
#include "identity/identity.h"
#include "kv/kv.h"
#include "lifecycle/lifecycle.h"
#include "nbd/nbd.h"
#include "work/work.h"

namespace pinaco::app {

struct Pinaco {
  std::unique_ptr<kv::Kv> kv;
  std::unique_ptr<model::Model> model;
  std::unique_ptr<identity::Identity> identity;
  std::unique_ptr<access::Access> access;
  provider::World world;
  std::unique_ptr<work::Depot> depot;
  std::shared_ptr<std::atomic<bool>> ending = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<work::Host> host;  // nullptr: no machines
  std::unique_ptr<lifecycle::Lifecycle> lifecycle;
  std::unique_ptr<lifecycle::Cascade> cascade;
  std::unique_ptr<work::Workers> workers;
  std::unique_ptr<deploy::Deployments> deployments;
  std::unique_ptr<nbd::Server> nbd;
  std::unique_ptr<front::Front> front;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<Proxy> proxy;  // nullptr: none is wanted
  std::string ca_file;

  // In the order that loses nothing: no new requests, then no new reads, then the workers.
  void stop();
  ~Pinaco() { stop(); }
};

struct RunOptions {
  std::string data_folder;
  work::WorkerOptions work = {};
  deploy::Options deployments = {};
  std::string program = "/proc/self/exe";  // that supervises guests
  bool in_memory = false;                  // forgets rows at the end; for tests
  // Called as soon as the first credentials exist, for what is shown once must not be lost to a
  // port that is taken.
  std::function<Result<>(const identity::FirstCredentials&, const std::string& ca_file)>
      keep_credentials = {};
};

// Opens everything and serves. Errors say which part could not start and what to do.
Result<std::unique_ptr<Pinaco>> start(const Config& config, const RunOptions& options, Clock& clock,
                                      Random& random);

}  // namespace pinaco::app
