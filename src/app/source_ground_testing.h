// What the tests of image sources stand on: two subscriptions of one tenant and one of another,
// and in them everything that a version can be made of, of both generations and states.
#pragma once

#include <map>
#include <set>

#include "app/server_testing.h"

namespace pinaco::app {

inline constexpr const char* galleries_asked = "?api-version=2023-07-03";
inline constexpr const char* computing_asked = "?api-version=2022-08-01";
inline constexpr const char* networking_asked = "?api-version=2022-07-01";
inline constexpr const char* regions[] = {"westeurope", "eastus", "northeurope"};
inline constexpr const char* states[] = {"Generalized", "Specialized"};
inline constexpr const char* generations[] = {"V1", "V2"};
inline constexpr std::int64_t luns[] = {1, 4};

// What a version is made of, and what is true of it.
struct Source {
  std::string name;
  Json storage;                   // the storageProfile that names it
  std::string id;                 // as refusals call it
  std::string state;              // empty: that of the definition
  std::string generation;         // V1, V2
  std::set<std::string> present;  // the regions where it can be taken
  std::string absent;             // the refusal elsewhere
  std::string always = {};        // the refusal wherever and whatever
};

// Two subscriptions of one tenant and one of another, all of the same application, and in the
// first one of everything that a version can be made of.
struct SourceGround {
  WholeServer server;
  std::string here, beside, abroad;  // the groups
  std::string home_token, foreign_token;
  std::map<std::string, Bytes> starts;  // of the disks: "V1", "V2", "1", "4"
  std::vector<Source> sources;
  std::string community;  // the public name of the gallery abroad

  SourceGround() {
    make_callers();
    for (const auto& group : {here, beside, abroad}) {
      as(group);
      server.must("PUT", group + "?api-version=2021-04-01", JsonObject{{"location", "westeurope"}});
    }
    as(here);
    make_disks();
    make_network();
    make_gallery(here, "ground");
    for (const auto* state : states) {
      for (const auto* generation : generations) {
        publish(definition(here, "ground", state, generation) + "/versions/1.0.0",
                of_disks("disk", generation), "westeurope", {"westeurope", "eastus"});
      }
    }
    server.drain();
    make_machines();
    for (const auto& group : {beside, abroad}) make_copies(group);
    list_sources();
  }

  void make_callers() {
    auto& directory = server.parts().identity->directory();
    const auto& first = server.first();
    const auto other = *directory.make_tenant("other", "other");
    const auto second =
        std::string(server.must("POST", "/pinaco/v1/subscriptions", JsonObject{{"name", "beside"}})
                        .text("subscription"));
    const auto app_id = server.parts().model->random().uuid();
    std::map<std::string, std::string> principals;
    for (const auto& tenant : {first.tenant, other.tenant}) {
      principals[tenant] = server.parts().model->random().uuid();
    }
    const auto made = directory.edit([&](identity::Edit& edit) -> Result<> {
      auto application = *TRY(edit.find_application(first.client_id));
      application.id = server.parts().model->random().uuid();
      application.app_id = app_id;
      application.name = "robot";
      application.multi_tenant = true;
      TRY(edit.put(application));
      for (const auto& [tenant, id] : principals) {
        TRY(edit.put(identity::Principal{
            .object_id = id, .tenant = tenant, .name = "robot", .app_id = app_id}));
      }
      return {};
    });
    ASSERT_TRUE(made) << made.error().message;
    const std::pair<std::string, std::string> owned[] = {{first.subscription, first.tenant},
                                                         {second, first.tenant},
                                                         {other.subscription, other.tenant}};
    for (const auto& [subscription, tenant] : owned) {
      const auto put = server.parts().model->change(subscription, [&](model::Change& change) {
        return access::put_rule(change,
                                access::RoleAssignment{.id = change.random().uuid(),
                                                       .tenant = tenant,
                                                       .scope = "/subscriptions/" + subscription,
                                                       .role = std::string(access::owner_role),
                                                       .principal = principals[tenant],
                                                       .principal_type = "ServicePrincipal"});
      });
      ASSERT_TRUE(put) << put.error().message;
    }
    here = "/subscriptions/" + first.subscription + "/resourceGroups/rg";
    beside = "/subscriptions/" + second + "/resourceGroups/rg";
    abroad = "/subscriptions/" + other.subscription + "/resourceGroups/rg";
    home_token = server.log_in(first.tenant, app_id, first.client_secret);
    foreign_token = server.log_in(other.tenant, app_id, first.client_secret);
  }

  // The next requests are about this group, with the other tenant's token at hand.
  void as(const std::string& group) {
    const bool foreign = group == abroad;
    server.use(foreign ? foreign_token : home_token, foreign ? home_token : foreign_token);
  }

  static std::string compute(const std::string& group) {
    return group + "/providers/Microsoft.Compute";
  }
  static std::string definition(const std::string& group, std::string_view gallery,
                                std::string_view state, std::string_view generation) {
    return fmt::format("{}/galleries/{}/images/{}{}", compute(group), gallery, state, generation);
  }

  void make_disks() {
    for (const auto* name : {"V1", "V2", "1", "4"}) {
      Bytes start(64 << 10, 0);
      seeded_random(starts.size() + 1)->fill(start);
      starts[name] = start;
      Json properties = JsonObject();
      if (name[0] == 'V') properties = JsonObject{{"osType", "Linux"}, {"hyperVGeneration", name}};
      server.upload_disk(fmt::format("{}/disks/disk{}", compute(here), name), properties, start);
    }
    server.drain();
    for (const auto* name : {"V1", "V2", "1", "4"}) {
      const auto disk = fmt::format("{}/disks/disk{}", compute(here), name);
      server.must(
          "PUT",
          fmt::format("{}/snapshots/snapshot{}", compute(here), name) + WholeServer::disks_api,
          JsonObject{{"location", "westeurope"},
                     {"properties",
                      JsonObject{{"incremental", name[0] == 'V'},
                                 {"creationData", JsonObject{{"createOption", "Copy"},
                                                             {"sourceResourceId", disk}}}}}});
    }
  }

  void make_network() {
    for (const auto* region : regions) {
      server.must(
          "PUT",
          fmt::format("{}/providers/Microsoft.Network/virtualNetworks/{}{}", here, region,
                      networking_asked),
          JsonObject{
              {"location", region},
              {"properties",
               JsonObject{
                   {"addressSpace", JsonObject{{"addressPrefixes", JsonArray{"10.0.0.0/16"}}}},
                   {"subnets",
                    JsonArray{JsonObject{
                        {"name", "all"},
                        {"properties", JsonObject{{"addressPrefix", "10.0.0.0/16"}}}}}}}}});
    }
  }

  void make_gallery(const std::string& group, const std::string& name,
                    const Json& properties = JsonObject()) {
    server.must("PUT", fmt::format("{}/galleries/{}{}", compute(group), name, galleries_asked),
                JsonObject{{"location", "westeurope"}, {"properties", properties}});
    for (const auto* state : states) {
      for (const auto* generation : generations) {
        server.must("PUT", definition(group, name, state, generation) + galleries_asked,
                    JsonObject{{"location", "westeurope"},
                               {"properties",
                                JsonObject{{"osType", "Linux"},
                                           {"osState", state},
                                           {"hyperVGeneration", generation},
                                           {"identifier", JsonObject{{"publisher", "p"},
                                                                     {"offer", state},
                                                                     {"sku", generation}}}}}});
      }
    }
  }

  Json of_disks(std::string_view kind, std::string_view generation) const {
    const auto source = [&](std::string_view name) {
      return JsonObject{{"id", fmt::format("{}/{}s/{}{}", compute(here), kind, kind, name)}};
    };
    JsonArray data;
    for (const auto lun : luns) {
      data.push_back(JsonObject{{"lun", lun}, {"source", source(std::to_string(lun))}});
    }
    return JsonObject{{"osDiskImage", JsonObject{{"source", source(generation)}}},
                      {"dataDiskImages", std::move(data)}};
  }
  static Json of(std::string_view id) { return JsonObject{{"source", JsonObject{{"id", id}}}}; }

  Told publish(const std::string& version, const Json& storage, std::string_view location,
               std::vector<std::string_view> targets) {
    JsonArray names;
    for (const auto target : targets) names.push_back(JsonObject{{"name", target}});
    return server.send(
        "PUT", version + galleries_asked,
        JsonObject{{"location", location},
                   {"properties",
                    JsonObject{{"storageProfile", storage},
                               {"publishingProfile", JsonObject{{"targetRegions", names}}}}}});
  }

  Told deploy(const std::string& name, const Json& reference, std::string_view state,
              std::string_view region) {
    const auto net = here + "/providers/Microsoft.Network";
    const auto card = fmt::format("{}/networkInterfaces/{}", net, name);
    server.must(
        "PUT", card + networking_asked,
        JsonObject{
            {"location", region},
            {"properties",
             JsonObject{
                 {"ipConfigurations",
                  JsonArray{Json{
                      {"name", "main"},
                      {"properties",
                       JsonObject{
                           {"subnet", JsonObject{{"id", fmt::format("{}/virtualNetworks/{}/subnets/"
                                                                    "all",
                                                                    net, region)}}}}}}}}}}});
    Json properties{
        {"hardwareProfile", JsonObject{{"vmSize", "Standard_B1s"}}},
        {"storageProfile", JsonObject{{"imageReference", reference}}},
        {"networkProfile", JsonObject{{"networkInterfaces", JsonArray{JsonObject{{"id", card}}}}}}};
    if (state == "Generalized") {
      set_path(properties, "osProfile",
               JsonObject{{"computerName", "m"},
                          {"adminUsername", "ann"},
                          {"adminPassword", "Quite-Secret-7"}});
    }
    return server.send("PUT", machine(name) + computing_asked,
                       JsonObject{{"location", region}, {"properties", properties}});
  }
  std::string machine(std::string_view name) const {
    return fmt::format("{}/virtualMachines/{}", compute(here), name);
  }

  // A generalized and a specialized one of each generation, and images of the first.
  void make_machines() {
    for (const auto* state : states) {
      for (const auto* generation : generations) {
        const auto made = deploy(fmt::format("{}{}", state, generation),
                                 JsonObject{{"id", definition(here, "ground", state, generation)}},
                                 state, "westeurope");
        EXPECT_EQ(made.outcome(), "201");
      }
    }
    server.drain();
    // Disks of guests that this server does not run are taken when nobody writes to them.
    for (const auto* state : states) {
      for (const auto* generation : generations) {
        server.must("POST", machine(fmt::format("{}{}", state, generation)) + "/deallocate" +
                                computing_asked);
      }
    }
    server.drain();
    for (const auto* generation : generations) {
      const auto general = machine(fmt::format("Generalized{}", generation));
      server.must("POST", general + "/generalize" + computing_asked);
      server.must("PUT", fmt::format("{}/images/{}{}", compute(here), generation, computing_asked),
                  JsonObject{{"location", "westeurope"},
                             {"properties",
                              JsonObject{{"sourceVirtualMachine", JsonObject{{"id", general}}}}}});
    }
    server.drain();
  }

  // Galleries elsewhere: a private one, and abroad one for everybody and one for the home
  // subscription, which both have what the private one has.
  void make_copies(const std::string& group) {
    as(group);
    const auto copy = [&](const std::string& gallery) {
      for (const auto* state : states) {
        for (const auto* generation : generations) {
          const auto made =
              publish(definition(group, gallery, state, generation) + "/versions/1.0.0",
                      of(definition(here, "ground", state, generation) + "/versions/1.0.0"),
                      "westeurope", {"westeurope", "eastus"});
          EXPECT_EQ(made.outcome(), "201");
        }
      }
    };
    make_gallery(group, "copies");
    copy("copies");
    if (group == abroad) {
      const Json info{{"publisherUri", "https://p.example"},
                      {"publisherContact", "p@p.example"},
                      {"eula", "none"},
                      {"publicNamePrefix", "everybody"}};
      make_gallery(group, "everybody",
                   JsonObject{{"sharingProfile", JsonObject{{"permissions", "Community"},
                                                            {"communityGalleryInfo", info}}}});
      make_gallery(group, "some",
                   JsonObject{{"sharingProfile", JsonObject{{"permissions", "Groups"}}}});
      const auto share = [&](const char* gallery, const Json& body) {
        server.must(
            "POST",
            fmt::format("{}/galleries/{}/share{}", compute(group), gallery, galleries_asked), body);
      };
      share("everybody", JsonObject{{"operationType", "EnableCommunity"}});
      share("some", JsonObject{{"operationType", "Add"},
                               {"groups", JsonArray{JsonObject{
                                              {"type", "Subscriptions"},
                                              {"ids", JsonArray{server.first().subscription}}}}}});
      copy("everybody");
      copy("some");
      const auto shown = server.must(
          "GET", fmt::format("{}/galleries/everybody{}", compute(group), galleries_asked));
      community = shown.body.at("properties")
                      .at("sharingProfile")
                      .at("communityGalleryInfo")
                      .at("publicNames")
                      .at(0)
                      .as_string();
    }
    server.drain();
    as(here);
  }

  void list_sources();
};

inline void SourceGround::list_sources() {
  const std::set<std::string> home{"westeurope"}, copied{"westeurope", "eastus"};
  const auto add = [&](const Source& source) {
    sources.push_back(source);
    if (!source.absent.empty()) return;
    sources.back().absent = fmt::format(
        "404 NotFound: Source {} is not found. Please check source exists, and is in the same "
        "region as gallery image version being created.",
        source.id);
  };
  for (const std::string generation : generations) {
    for (const std::string state : states) {
      const auto one = machine(state + generation);
      add({"machine " + state, of(one), one, state, generation, home, ""});
      for (const auto& [word, group] :
           {std::pair{"here", here}, std::pair{"beside", beside}, std::pair{"abroad", abroad}}) {
        const auto version =
            definition(group, group == here ? "ground" : "copies", state, generation) +
            "/versions/1.0.0";
        add({fmt::format("version {} {}", word, state), of(version), version, state, generation,
             copied, ""});
      }
      const auto shared = fmt::format("/CommunityGalleries/{}/Images/{}{}/Versions/1.0.0",
                                      community, state, generation);
      add({"community " + state,
           JsonObject{{"source", JsonObject{{"communityGalleryImageId", shared}}}}, shared, state,
           generation, copied,
           fmt::format("404 GalleryImageNotFound: \"The gallery image {} is not available in "
                       "northeurope region. Please contact image owner to replicate to this "
                       "region, or change your requested region.\"",
                       shared)});
      // Deployed from, and no source: its place in the request takes resource ids.
      const auto direct = fmt::format("/SharedGalleries/{}-SOME/Images/{}{}/Versions/1.0.0",
                                      split(abroad, '/')[2], state, generation);
      add({"shared " + state, of(direct), direct, state, generation, copied, "",
           fmt::format("400 LinkedInvalidPropertyId: Property id '{}' at path "
                       "'properties.storageProfile.source.id' is invalid. Expect fully qualified "
                       "resource Id that start with '/subscriptions/{{subscriptionId}}' or "
                       "'/providers/{{resourceProviderNamespace}}/'.",
                       direct)});
    }
    const auto image = fmt::format("{}/images/{}", compute(here), generation);
    add({"image", of(image), image, "Generalized", generation, home, ""});
    for (const std::string kind : {"disk", "snapshot"}) {
      add({kind, of_disks(kind, generation),
           fmt::format("{}/{}s/{}{}", compute(here), kind, kind, generation), "", generation, home,
           ""});
    }
  }
}

}  // namespace pinaco::app
