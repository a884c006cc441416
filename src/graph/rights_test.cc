// Who may do what: rights in a tenant, and nothing across tenants.
#include "graph/graph_testing.h"

namespace pinaco::graph {
namespace {

TEST_F(GraphTest, WhoHasNoRoleReadsAndChangesNothing) {
  const auto robot = make_robot("robot");
  const auto app = make_application(admin_, "app").text("id");
  const auto group = make_group("g");
  const auto ann = make_user(admin_, "ann").text("id");
  EXPECT_EQ(ask(robot, "GET", "/applications/" + app).status, 200);
  EXPECT_EQ(ask(robot, "GET", "/users").value().size(), 1U);
  const auto refused = [&](const char* method, const std::string& path, Json body = nullptr) {
    const auto said = ask(robot, method, path, std::move(body));
    EXPECT_EQ(said.status, 403) << method << path << to_text(said.body);
    EXPECT_EQ(said.code(), "Authorization_RequestDenied");
    EXPECT_TRUE(said.message().starts_with("Insufficient privileges")) << said.message();
  };
  refused("POST", "/applications", JsonObject{{"displayName", "x"}});
  refused("PATCH", "/applications/" + app, JsonObject{{"displayName", "x"}});
  refused("DELETE", "/applications/" + app);
  refused("POST", "/applications/" + app + "/addPassword", JsonObject());
  refused("POST", "/applications(appId='" + robot.client_id + "')/addPassword", JsonObject());
  refused("POST", "/applications/" + app + "/federatedIdentityCredentials", JsonObject());
  refused("POST", "/servicePrincipals", JsonObject{{"appId", robot.client_id}});
  refused("DELETE", "/servicePrincipals/" + robot.object_id);
  refused("POST", "/servicePrincipals/" + robot.object_id + "/addPassword", JsonObject());
  refused("POST", "/users", JsonObject());
  refused("PATCH", "/users/" + ann, JsonObject{{"displayName", "x"}});
  refused("DELETE", "/users/" + ann);
  refused("POST", "/groups", JsonObject());
  refused("PATCH", "/groups/" + group, JsonObject{{"displayName", "x"}});
  refused("DELETE", "/groups/" + group);
  refused("POST", "/groups/" + group + "/members/$ref", JsonObject());
  refused("DELETE", "/groups/" + group + "/members/" + ann + "/$ref");
}

TEST_F(GraphTest, AContributorOfTheTenantKeepsTheDirectory) {
  const auto robot = make_robot("robot");
  give_role(robot.object_id, contributor, "/");
  EXPECT_EQ(make_application(robot, "x").status, 201);
  EXPECT_EQ(make_user(robot, "ann").status, 201);
}

TEST_F(GraphTest, ARoleBelowTheTenantGivesNothingInTheDirectory) {
  const auto robot = make_robot("robot");
  give_role(robot.object_id, access::owner_role, "/subscriptions/" + subscription_);
  EXPECT_EQ(make_application(robot, "x").status, 403);
}

TEST_F(GraphTest, WhoMayNotGiveRolesCannotTakeThemThroughOthers) {
  const auto robot = make_robot("robot");
  give_role(robot.object_id, contributor, "/");
  const auto admin_app = "/applications(appId='" + admin_.client_id + "')";
  EXPECT_EQ(ask(robot, "POST", admin_app + "/addPassword", JsonObject()).status, 403);
  EXPECT_EQ(ask(robot, "PATCH", admin_app, JsonObject{{"displayName", "x"}}).status, 403);
  EXPECT_EQ(
      ask(robot, "POST", "/servicePrincipals/" + admin_.object_id + "/addPassword", JsonObject())
          .status,
      403);
  // Nor by joining a group that has roles, itself or through another.
  const auto outer = make_group("outer");
  const auto inner = make_group("inner");
  ASSERT_EQ(add_member(admin_, outer, inner).status, 204);
  ASSERT_EQ(add_member(robot, inner, make_user(admin_, "ann").text("id")).status, 204);
  give_role(outer, access::owner_role, "/");
  EXPECT_EQ(add_member(robot, inner, robot.object_id).status, 403);
  EXPECT_EQ(add_member(robot, outer, robot.object_id).status, 403);
  EXPECT_EQ(ask(robot, "PATCH", "/users/ann@" + domain(),
                JsonObject{{"passwordProfile", JsonObject{{"password", "12345678"}}}})
                .status,
            403);
  EXPECT_EQ(add_member(admin_, inner, robot.object_id).status, 204);
  // Its own credentials are its own.
  EXPECT_EQ(
      ask(robot, "POST", "/applications(appId='" + robot.client_id + "')/addPassword", JsonObject())
          .status,
      200);
}

TEST_F(GraphTest, AnotherTenantAnswersAsIfNothingWereThere) {
  const auto robot = make_robot("robot");
  const auto app = application(robot.client_id).id;
  const auto group = make_group("g");
  const auto ann = make_user(admin_, "ann").text("id");
  const auto same = [&](const char* method, const std::string& start, const std::string& id,
                        const std::string& end, Json body = nullptr) {
    auto theirs = ask(other_, method, start + id + end, body);
    auto nowhere = ask(other_, method, start + random_id + end, body);
    EXPECT_EQ(theirs.status, nowhere.status) << method << start << end;
    EXPECT_GE(theirs.status, 400) << method << start << end;
    EXPECT_EQ(theirs.code(), nowhere.code());
    const auto message = nowhere.message();
    const auto at = message.find(random_id);
    EXPECT_EQ(theirs.message(),
              at == std::string::npos ? message : std::string(message).replace(at, id.size(), id));
  };
  same("GET", "/applications/", app, "");
  same("PATCH", "/applications/", app, "", JsonObject{{"displayName", "x"}});
  same("DELETE", "/applications/", app, "");
  same("POST", "/applications/", app, "/addPassword", JsonObject());
  same("GET", "/applications(appId='", robot.client_id, "')");
  same("GET", "/applications/", app, "/federatedIdentityCredentials");
  same("GET", "/servicePrincipals/", robot.object_id, "");
  same("GET", "/servicePrincipals(appId='", robot.client_id, "')");
  same("DELETE", "/servicePrincipals/", robot.object_id, "");
  same("POST", "/servicePrincipals/", robot.object_id, "/addPassword", JsonObject());
  same("GET", "/users/", ann, "");
  same("PATCH", "/users/", ann, "", JsonObject{{"displayName", "x"}});
  same("DELETE", "/users/", ann, "");
  same("GET", "/groups/", group, "/members");
  same("POST", "/groups/", group, "/members/$ref",
       JsonObject{{"@odata.id", "x/directoryObjects/" + other_.object_id}});
  same("DELETE", "/groups/", group, "");
  same("GET", "/directoryObjects/", ann, "");
  same("POST", "/directoryObjects/", ann, "/getMemberGroups", JsonObject());
  EXPECT_EQ(ask(other_, "GET", "/users/ann@" + domain()).status, 404);
  EXPECT_TRUE(ask(other_, "GET", "/users").value().empty());
  EXPECT_TRUE(ask(other_, "GET", "/groups").value().empty());
  EXPECT_EQ(ask(other_, "GET", "/applications").value().size(), 1U);
  EXPECT_EQ(ask(other_, "GET", "/servicePrincipals").value().size(), 1U);
  EXPECT_TRUE(ask(other_, "POST", "/directoryObjects/getByIds", JsonObject{{"ids", {ann, app}}})
                  .value()
                  .empty());
  // And nobody of it gets into a group, nor its application into this tenant.
  EXPECT_EQ(add_member(admin_, group, other_.object_id).status, 404);
  const auto consent =
      ask(other_, "POST", "/servicePrincipals", JsonObject{{"appId", robot.client_id}});
  EXPECT_EQ(consent.status, 400);
  EXPECT_EQ(consent.message(),
            "The appId '" + robot.client_id +
                "' of the service principal does not reference a valid application object.");
}

TEST_F(GraphTest, AnApplicationOfManyTenantsGoesFromAllOfThem) {
  const auto made =
      ask(admin_, "POST", "/applications",
          JsonObject{{"displayName", "shared"}, {"signInAudience", "AzureADMultipleOrgs"}});
  const auto app = made.text("appId");
  const auto consent = ask(other_, "POST", "/servicePrincipals", JsonObject{{"appId", app}});
  ASSERT_EQ(consent.status, 201);
  EXPECT_EQ(consent.text("appOwnerOrganizationId"), admin_.tenant);
  EXPECT_EQ(ask(other_, "GET", "/applications(appId='" + app + "')").status, 404);
  EXPECT_EQ(
      ask(other_, "POST", "/servicePrincipals/" + consent.text("id") + "/addPassword", JsonObject())
          .status,
      400);
  ASSERT_EQ(ask(admin_, "DELETE", "/applications/" + made.text("id")).status, 204);
  EXPECT_EQ(ask(other_, "GET", "/servicePrincipals/" + consent.text("id")).status, 404);
}

TEST_F(GraphTest, AnApplicationThatBecomesOneTenantsLeavesTheOthers) {
  const auto made =
      ask(admin_, "POST", "/applications",
          JsonObject{{"displayName", "shared"}, {"signInAudience", "AzureADMultipleOrgs"}});
  const auto app = made.text("appId");
  const auto theirs = ask(other_, "POST", "/servicePrincipals", JsonObject{{"appId", app}});
  const auto ours = ask(admin_, "POST", "/servicePrincipals", JsonObject{{"appId", app}});
  ASSERT_EQ(ask(admin_, "PATCH", "/applications/" + made.text("id"),
                JsonObject{{"signInAudience", "AzureADMyOrg"}})
                .status,
            204);
  EXPECT_EQ(ask(other_, "GET", "/servicePrincipals/" + theirs.text("id")).status, 404);
  EXPECT_EQ(ask(admin_, "GET", "/servicePrincipals/" + ours.text("id")).status, 200);
}

}  // namespace
}  // namespace pinaco::graph
