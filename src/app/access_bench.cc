// What access control costs: a GET of an image version as the front answers it, with a token to
// check and with a role that reaches the caller through five levels of groups among 1,000 role
// assignments, beside the same GET for a server that asks nobody for anything. Alternating rounds
// in one process and one thread, without the network, so that nothing else hides the difference.
//
//   bench_access [ROUNDS]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "app/region.h"
#include "base/log.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr int calls_a_round = 2000;
constexpr int groups = 5;
constexpr int assignments = 1000;

// Lets everybody in, as one and the same.
class OpenDoor final : public identity::Identity {
 public:
  OpenDoor(identity::Directory& directory, identity::Caller caller)
      : directory_(directory), caller_(std::move(caller)) {}
  identity::Directory& directory() override { return directory_; }
  const identity::Directory& directory() const override { return directory_; }
  Result<identity::Caller> authenticate(const http::Request&) const override { return caller_; }
  std::string challenge(std::string_view, std::string_view, const Error&) const override {
    return "";
  }
  std::optional<http::Reply> answer(const http::Request&, std::string_view) override {
    return std::nullopt;
  }

 private:
  identity::Directory& directory_;
  identity::Caller caller_;
};

class AllowAll final : public access::Access {
 public:
  using Access::Access;
  Result<bool> allows(const identity::Caller&, std::string_view, std::string_view) const override {
    return true;
  }
};

std::string log_in(Pinaco& pinaco, const identity::FirstCredentials& first) {
  http::Request login{.method = "POST", .target = "/adfs/oauth2/token"};
  login.headers.add("Content-Type", "application/x-www-form-urlencoded");
  login.body = "grant_type=client_credentials&scope=https://localhost/.default&client_id=" +
               first.client_id + "&client_secret=" + first.client_secret;
  const auto reply = pinaco.identity->answer(login, "https://localhost");
  return std::string(string_at(*parse_json(reply->body), "access_token"));
}

// The version's row, with what a published one has in it.
Result<> put_version(model::Model& model, const arm::ResourceId& version) {
  return model.change(version.subscription, [&](model::Change& change) -> Result<> {
    const auto put = [&](const arm::ResourceId& id, Json properties) {
      return change.put(model::Resource{.id = id,
                                        .location = "westeurope",
                                        .properties = std::move(properties),
                                        .created = change.now()});
    };
    TRY(put(version.group_id(), JsonObject()));
    TRY(put(version.parent().parent(), JsonObject{{"description", "golden"}}));
    TRY(put(version.parent(), JsonObject{{"osType", "Linux"}, {"osState", "Generalized"}}));
    JsonArray targets;
    for (const char* name : {"West Europe", "North Europe", "East US"}) {
      targets.push_back(JsonObject{
          {"name", name}, {"regionalReplicaCount", 2}, {"storageAccountType", "Standard_LRS"}});
    }
    return put(
        version,
        JsonObject{
            {"publishingProfile",
             JsonObject{
                 {"targetRegions", targets}, {"replicaCount", 1}, {"excludeFromLatest", false}}},
            {"storageProfile",
             JsonObject{{"osDiskImage", JsonObject{{"sizeInGB", 2}, {"hostCaching", "None"}}}}}});
  });
}

// The administrator, out of the tenant's root and into a group of a group of ... that may read the
// subscription, among a thousand other assignments on the gallery.
Result<> give_roles(Pinaco& pinaco, const identity::FirstCredentials& first,
                    const std::string& gallery) {
  auto& random = pinaco.model->random();
  std::string member = first.object_id;
  TRY(pinaco.identity->directory().edit([&](identity::Edit& edit) -> Result<> {
    for (int level = 0; level < groups; level++) {
      const std::string id = random.uuid();
      TRY(edit.put(identity::Principal{.object_id = id,
                                       .tenant = first.tenant,
                                       .type = identity::PrincipalType::group,
                                       .name = "group",
                                       .members = {member}}));
      member = id;
    }
    return {};
  }));
  const auto reader = [&](std::string principal, std::string scope) {
    return access::RoleAssignment{.id = random.uuid(),
                                  .tenant = first.tenant,
                                  .scope = std::move(scope),
                                  .role = "acdd72a7-3385-48ef-bd42-f606fba81ae7",
                                  .principal = std::move(principal),
                                  .principal_type = "Group"};
  };
  const std::string subscription = "/subscriptions/" + first.subscription;
  TRY(pinaco.model->change(first.subscription, [&](model::Change& change) -> Result<> {
    for (int i = 1; i < assignments; i++) TRY(put_rule(change, reader(random.uuid(), gallery)));
    return put_rule(change, reader(member, subscription));
  }));
  // Without the role that it was made with, so that only the groups let it in.
  const auto rules = TRY(pinaco.access->rules());
  for (const auto& each : rules->assignments()) {
    if (each.principal != first.object_id) continue;
    TRY(pinaco.model->change(
        "", [&](model::Change& change) { return erase_assignment(change, each); }));
  }
  return {};
}

double round_of(front::Front& front, const std::string& target, const std::string& token) {
  const auto start = system_clock().steady();
  for (int i = 0; i < calls_a_round; i++) {
    http::Request request{.method = "GET", .target = target};
    request.headers.add("Host", "localhost:8443");
    request.headers.add("Authorization", "Bearer " + token);
    const auto reply = front.answer(request);
    if (reply.status != 200) {
      fmt::print("{}\n", reply.body);
      std::exit(1);
    }
  }
  const std::chrono::duration<double> passed = system_clock().steady() - start;
  return passed.count() / calls_a_round * 1e6;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

Result<> run(const std::string& folder, int rounds) {
  set_log_level(Level::error);
  auto config = default_config(folder);
  config.port = 0;
  config.nbd_port = 0;
  const auto pinaco = TRY(start(config, {.data_folder = folder}, system_clock(), system_random()));
  const auto first = *pinaco->identity->directory().first_credentials();
  const std::string gallery = "/subscriptions/" + first.subscription +
                              "/resourceGroups/rg/providers/Microsoft.Compute/galleries/g";
  const std::string text = gallery + "/images/d/versions/1.0.0";
  TRY(put_version(*pinaco->model, TRY(arm::ResourceId::parse(text))));
  const auto token = log_in(*pinaco, first);
  TRY(give_roles(*pinaco, first, gallery));

  OpenDoor door(pinaco->identity->directory(), {.tenant = first.tenant,
                                                .object_id = first.object_id,
                                                .client_id = first.client_id,
                                                .name = "anybody"});
  AllowAll all(*pinaco->model, pinaco->identity->directory());
  auto open = TRY(front::Front::open({.model = *pinaco->model,
                                      .identity = door,
                                      .access = all,
                                      .world = pinaco->world,
                                      .depot = *pinaco->depot,
                                      .workers = *pinaco->workers,
                                      .deployments = *pinaco->deployments,
                                      .lifecycle = *pinaco->lifecycle,
                                      .cascade = *pinaco->cascade,
                                      .host = nullptr,
                                      .nbd = *pinaco->nbd,
                                      .link_key = std::string(32, 'k')}));

  const std::string target = text + "?api-version=2022-03-03";
  std::vector<double> checked, unchecked, ratios;
  for (int i = 0; i <= rounds; i++) {
    const double without = round_of(*open, target, token);
    const double with = round_of(*pinaco->front, target, token);
    if (i == 0) continue;  // warms up
    checked.push_back(with);
    unchecked.push_back(without);
    ratios.push_back(with / without);
  }
  fmt::print("GET of an image version, {} group levels, {} role assignments, {} rounds\n", groups,
             assignments, rounds);
  fmt::print("  no check          {:8.1f} us\n", median(unchecked));
  fmt::print("  token and access  {:8.1f} us\n", median(checked));
  fmt::print("  ratio             {:8.2f}   (bar 1.3)\n", median(ratios));
  return {};
}

}  // namespace
}  // namespace pinaco::app

int main(int count, char** arguments) {
  const auto rounds = count > 1 ? pinaco::parse_int(arguments[1], 1, 1000) : 15;
  std::string folder = (std::filesystem::temp_directory_path() / "bench-access-XXXXXX").string();
  if (!rounds || mkdtemp(folder.data()) == nullptr) return 2;
  const auto done = pinaco::app::run(folder, static_cast<int>(*rounds));
  std::filesystem::remove_all(folder);
  if (done) return 0;
  fmt::print(stderr, "bench_access: {}\n", done.error().message);
  return 1;
}
