// What templates ask of the deployed world, asked as whoever deploys. Inside this room only.
#pragma once

#include "deploy/deploy.h"
#include "templates/templates.h"

namespace pinaco::deploy {

class Reader final : public templates::Runtime {
 public:
  Reader(const Dispatch& dispatch, identity::Caller caller, std::string base_url,
         std::string subscription)
      : dispatch_(dispatch),
        caller_(std::move(caller)),
        base_url_(std::move(base_url)),
        subscription_(std::move(subscription)) {}

  Result<Json> get(const std::string& id, const std::string& api_version) override;
  Result<Json> list(const std::string& action, const std::string& id,
                    const std::string& api_version, const Json& body) override;
  Result<Json> provider(const std::string& name) override;

 private:
  const Dispatch& dispatch_;
  const identity::Caller caller_;
  const std::string base_url_;
  const std::string subscription_;
};

// Before anything is deployed: what asks for it cannot be evaluated yet.
class NotYet final : public templates::Runtime {
 public:
  bool was_asked() const { return was_asked_; }

  Result<Json> get(const std::string& id, const std::string& api_version) override;
  Result<Json> list(const std::string& action, const std::string& id,
                    const std::string& api_version, const Json& body) override;
  Result<Json> provider(const std::string& name) override;

 private:
  Result<Json> asked();
  bool was_asked_ = false;
};

// What a template's functions say of where it is deployed.
struct Record;
Result<templates::Surroundings> surroundings_of(const Record& record, model::Model& model,
                                                const access::Access& access);

}  // namespace pinaco::deploy
