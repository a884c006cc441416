// For tests: a directory on a real model in memory with two tenants, and Graph asked by anybody.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "graph/graph.h"

namespace pinaco::graph {

class GraphTest : public testing::Test {
 protected:
  GraphTest() {
    auto opened = identity::Directory::open(model_, access::Access::welcome);
    EXPECT_TRUE(opened);
    directory_ = std::move(*opened);
    access_ = std::make_unique<access::Access>(model_, *directory_);
    graph_ = std::make_unique<Graph>(model_, *directory_, *access_);
    const auto first = *directory_->first_credentials();
    admin_ = {.tenant = first.tenant,
              .object_id = first.object_id,
              .client_id = first.client_id,
              .name = "administrator"};
    subscription_ = first.subscription;
    const auto second = *directory_->make_tenant("Other", "");
    other_ = {.tenant = second.tenant,
              .object_id = second.object_id,
              .client_id = second.client_id,
              .name = "administrator"};
  }

  struct Said {
    int status;
    Json body;
    std::string code() const { return std::string(string_at(body, "error.code")); }
    std::string message() const { return std::string(string_at(body, "error.message")); }
    std::string text(std::string_view path) const { return std::string(string_at(body, path)); }
    const JsonArray& value() const { return body.at("value").as_array(); }
  };

  // "GET", "/users/x?$top=2" without the version.
  Said ask(const identity::Caller& caller, std::string method, std::string_view target,
           Json body = nullptr) {
    Request request{.method = std::move(method),
                    .path = {"v1.0"},
                    .body = std::move(body),
                    .base_url = "https://pinaco.example"};
    const auto mark = target.find('?');
    for (const auto part : split(target.substr(1, mark - 1), '/')) request.path.emplace_back(part);
    if (mark != std::string_view::npos) {
      for (const auto pair : split(target.substr(mark + 1), '&')) {
        const auto equal = pair.find('=');
        request.query[std::string(pair.substr(0, equal))] = *percent_decode(pair.substr(equal + 1));
      }
    }
    const auto reply = graph_->answer(caller, std::move(request));
    auto json = reply.body.starts_with('{') ? *parse_json(reply.body) : Json(reply.body);
    return {.status = reply.status, .body = std::move(json)};
  }

  std::string domain() {
    return ask(admin_, "GET", "/domains").value().at(0).at("id").as_string().c_str();
  }
  Said make_application(const identity::Caller& caller, const std::string& name) {
    return ask(caller, "POST", "/applications", JsonObject{{"displayName", name}});
  }
  // An application and its service principal, as a caller.
  identity::Caller make_robot(const std::string& name) {
    const auto app = make_application(admin_, name).text("appId");
    const auto made = ask(admin_, "POST", "/servicePrincipals", JsonObject{{"appId", app}});
    EXPECT_EQ(made.status, 201) << to_text(made.body);
    return {.tenant = admin_.tenant, .object_id = made.text("id"), .client_id = app, .name = name};
  }
  Said make_user(const identity::Caller& caller, const std::string& name) {
    return ask(caller, "POST", "/users",
               JsonObject{{"accountEnabled", true},
                          {"displayName", name},
                          {"mailNickname", name},
                          {"userPrincipalName", name + "@" + domain()},
                          {"passwordProfile", JsonObject{{"password", "correct horse"}}}});
  }
  std::string make_group(const std::string& name) {
    const auto made =
        ask(admin_, "POST", "/groups",
            JsonObject{{"displayName", name}, {"mailNickname", name}, {"securityEnabled", true}});
    EXPECT_EQ(made.status, 201) << to_text(made.body);
    return made.text("id");
  }
  Said add_member(const identity::Caller& caller, const std::string& group,
                  const std::string& member) {
    return ask(caller, "POST", "/groups/" + group + "/members/$ref",
               JsonObject{{"@odata.id", "https://pinaco.example/v1.0/directoryObjects/" + member}});
  }
  void give_role(const std::string& principal, std::string_view role, const std::string& scope) {
    ASSERT_TRUE(model_.change(access::shard_of(scope), [&](model::Change& change) {
      return access::put_rule(change, {.id = change.random().uuid(),
                                       .tenant = admin_.tenant,
                                       .scope = scope,
                                       .role = std::string(role),
                                       .principal = principal,
                                       .principal_type = "ServicePrincipal"});
    }));
  }
  std::size_t roles_of(const std::string& principal) {
    std::size_t roles = 0;
    const auto rules = *access_->rules();
    for (const auto& each : rules->assignments()) roles += each.principal == principal ? 1 : 0;
    return roles;
  }
  const identity::Application application(const std::string& app_id) {
    const auto everybody = *directory_->roster();
    const auto* found = everybody->find_application(app_id);
    return found == nullptr ? identity::Application{} : *found;
  }

  static constexpr std::string_view contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c";
  static constexpr const char* random_id = "5f0c4b3e-9f0a-4d59-8a4d-3c6f5b0a7e11";

  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  ManualClock clock_;
  model::Model model_{*kv_, clock_, system_random()};
  std::unique_ptr<identity::Directory> directory_;
  std::unique_ptr<access::Access> access_;
  std::unique_ptr<Graph> graph_;
  identity::Caller admin_;  // Owner of the first tenant
  identity::Caller other_;  // Owner of another
  std::string subscription_;
};

}  // namespace pinaco::graph
