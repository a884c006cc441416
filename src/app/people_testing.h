// Whoever sends the requests of a script: made when first named, and logged in with secrets.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "app/region.h"
#include "base/text.h"
#include "http/http.h"

namespace pinaco::app {

class People {
 public:
  // What a script may write for those who are here, "{oid:ann}", is added to texts.
  People(Pinaco& pinaco, http::Client& client, std::string base,
         std::map<std::string, std::string>& texts)
      : pinaco_(pinaco), client_(client), base_(std::move(base)), texts_(texts) {
    const auto& first = *pinaco_.identity->directory().first_credentials();
    texts_["{oid:administrator}"] = first.object_id;
    add("administrator", {first.tenant, first.client_id, first.client_secret});
  }

  // A service principal of the first tenant, whose application has the administrator's secret.
  const std::string& token_of(const std::string& name) {
    if (!tokens_.contains(name)) make(name);
    return tokens_[name];
  }

  void make_tenant(const std::string& name) {
    const auto made = pinaco_.identity->directory().make_tenant(name, name);
    ASSERT_TRUE(made) << made.error().message;
    texts_["{S:" + name + "}"] = "/subscriptions/" + made->subscription;
    texts_["{s:" + name + "}"] = made->subscription;
    texts_["{T:" + name + "}"] = made->tenant;
    texts_["{oid:" + name + "}"] = made->object_id;
    add(name, {made->tenant, made->client_id, made->client_secret});
  }

  // Tokens end; everybody gets a new one.
  void log_in_anew() {
    for (const auto& [name, login] : logins_) log_in(name, login);
  }

 private:
  struct Secret {
    std::string tenant;
    std::string client_id;
    std::string secret;
  };

  void add(const std::string& name, const Secret& login) {
    logins_[name] = login;
    log_in(name, login);
  }

  void log_in(const std::string& name, const Secret& login) {
    const std::string form = "grant_type=client_credentials&client_id=" + login.client_id +
                             "&client_secret=" + percent_encode(login.secret) +
                             "&scope=" + percent_encode(base_ + "/.default");
    http::Ask ask{.method = "POST",
                  .url = base_ + "/" + login.tenant + "/oauth2/v2.0/token",
                  .body = as_bytes(form)};
    ask.headers.add("Content-Type", "application/x-www-form-urlencoded");
    const auto answer = client_.send(ask);
    ASSERT_TRUE(answer) << answer.error().message;
    tokens_[name] = string_at(*parse_json(answer->body), "access_token");
    ASSERT_FALSE(tokens_[name].empty()) << answer->body;
  }

  void make(const std::string& name) {
    auto& directory = pinaco_.identity->directory();
    const auto& first = *directory.first_credentials();
    auto& random = pinaco_.model->random();
    const identity::Principal principal{
        .object_id = random.uuid(), .tenant = first.tenant, .name = name, .app_id = random.uuid()};
    const auto made = directory.edit([&](identity::Edit& edit) -> Result<> {
      auto application = *TRY(edit.find_application(first.client_id));
      application.id = random.uuid();
      application.app_id = principal.app_id;
      application.name = name;
      TRY(edit.put(application));
      return edit.put(principal);
    });
    ASSERT_TRUE(made) << made.error().message;
    texts_["{oid:" + name + "}"] = principal.object_id;
    add(name, {first.tenant, principal.app_id, first.client_secret});
  }

  Pinaco& pinaco_;
  http::Client& client_;
  const std::string base_;
  std::map<std::string, std::string>& texts_;
  std::map<std::string, Secret> logins_;
  std::map<std::string, std::string> tokens_;
};

}  // namespace pinaco::app
