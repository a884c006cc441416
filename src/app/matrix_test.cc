// Every source of an image version × the state of its system × its generation × regions, as one
// table: each cell is a version and machines of it with the source's bytes, or one exact refusal.
#include <gtest/gtest.h>

#include "app/source_ground_testing.h"

namespace pinaco::app {
namespace {

class Matrix : public testing::Test {
 protected:
  static void SetUpTestSuite() { ground_ = new SourceGround; }
  static void TearDownTestSuite() {
    delete ground_;
    ground_ = nullptr;
  }

  static SourceGround* ground_;
};

SourceGround* Matrix::ground_ = nullptr;

struct Cell {
  const Source* source;
  std::string definition, region, version;
  std::string name;  // for people
  std::string put = "201";
  std::string end = "Succeeded";
  Told told = {};
};

// What the table says of a source in a definition of this state and generation, and in this region.
void foretell(Cell& cell, const Source& source, std::string_view state,
              std::string_view generation) {
  if (!source.always.empty()) {
    cell.put = source.always;
  } else if (!source.present.contains(cell.region)) {
    cell.put = source.absent;
  } else if (!source.state.empty() && source.state != state) {
    cell.put = fmt::format(
        "400 BadRequest: The resource with id '{}' has a different OS state ['{}'] than the parent "
        "gallery image OS state ['{}'].",
        source.id, source.state, state);
  } else if (source.generation != generation) {
    cell.end = fmt::format(
        "Conflict: The resource with id '{}' has a different Hypervisor generation ['{}'] than the "
        "parent gallery image Hypervisor generation ['{}'].",
        source.id, source.generation, generation);
  }
}

std::string ended(const Told& told) {
  if (told.text("status") != "Failed") return std::string(told.text("status"));
  return fmt::format("{}: {}", told.text("error.code"), told.text("error.message"));
}

std::string not_in(std::string_view reference, std::string_view region) {
  return fmt::format(
      "404 GalleryImageNotFound: \"The gallery image {} is not available in {} region. Please "
      "contact image owner to replicate to this region, or change your requested region.\"",
      reference, region);
}

// A machine that was started from an image, to be looked at when its operation has ended.
struct Deployed {
  std::string name, generation, region, what;
  Told told;
};

class Deployments : public Matrix {
 protected:
  void deploy(const Json& reference, std::string_view state, const std::string& generation,
              const std::string& region, const std::string& what) {
    Deployed one{
        .name = fmt::format("m{}-{}", testing::UnitTest::GetInstance()->random_seed(), counter_++),
        .generation = generation,
        .region = region,
        .what = fmt::format("{} in {}", what, region),
        .told = {}};
    one.told = ground_->deploy(one.name, reference, state, region);
    EXPECT_EQ(one.told.outcome(), "201") << one.what;
    deployed_.push_back(std::move(one));
  }

  // All of them ran, and what their disks hold there are the bytes that were uploaded.
  void look_at_them() {
    ground_->server.drain();
    for (const auto& one : deployed_) {
      EXPECT_EQ(ended(ground_->server.end_of(one.told)), "Succeeded") << one.what;
      const auto row =
          ground_->server.parts().model->get(*arm::ResourceId::parse(ground_->machine(one.name)));
      ASSERT_TRUE(row) << one.what;
      EXPECT_EQ(string_at(row->internal, "power"), "running");
      check(string_at(row->properties, "storageProfile.osDisk.managedDisk.id"), one,
            one.generation);
      const auto& data = find_path(row->properties, "storageProfile.dataDisks")->get_array();
      ASSERT_EQ(data.size(), std::size(luns)) << one.what;
      for (std::size_t i = 0; i < data.size(); i++) {
        EXPECT_EQ(int_at(data[i], "lun"), luns[i]) << one.what;
        check(string_at(data[i], "managedDisk.id"), one, std::to_string(luns[i]));
      }
    }
    deployed_.clear();
  }

 private:
  void check(std::string_view id, const Deployed& one, const std::string& which) {
    auto& parts = ground_->server.parts();
    const auto disk = parts.model->get(*arm::ResourceId::parse(id));
    const auto uploaded = parts.model->get(*arm::ResourceId::parse(
        fmt::format("{}/disks/disk{}", SourceGround::compute(ground_->here), which)));
    ASSERT_TRUE(disk && uploaded) << one.what;
    EXPECT_EQ(disk->location, one.region);
    EXPECT_EQ(string_at(disk->internal, "content.image"),
              string_at(uploaded->internal, "content.image"))
        << one.what;
    // What the region has by itself.
    const auto manifest = Digest::parse(string_at(disk->internal, "content.manifest"));
    const auto opened = parts.depot->find_region(one.region)->open_disk(*manifest, {});
    ASSERT_TRUE(opened) << one.what << ": " << opened.error().message;
    Bytes read(ground_->starts.at(which).size());
    const auto done = (*opened)->read(0, read);
    ASSERT_TRUE(done) << one.what << ": " << done.error().message;
    EXPECT_TRUE(read == ground_->starts.at(which)) << one.what << ": other bytes";
  }

  static inline int counter_ = 0;
  std::vector<Deployed> deployed_;
};

TEST_F(Deployments, EveryVersionIsMadeOrRefusedAsTheTableSaysAndMachinesHaveItsBytes) {
  auto& ground = *ground_;
  ground.as(ground.here);
  ground.make_gallery(ground.here, "matrix");
  std::vector<Cell> cells;
  int number = 0;
  for (const auto& source : ground.sources) {
    for (const auto* state : states) {
      for (const auto* generation : generations) {
        for (std::size_t i = 0; i < std::size(regions); i++) {
          Cell cell{
              .source = &source,
              .definition = SourceGround::definition(ground.here, "matrix", state, generation),
              .region = regions[i],
              .version = {},
              .name = fmt::format("{} {} into {} {} in {}", source.name, source.generation, state,
                                  generation, regions[i])};
          cell.version = fmt::format("{}/versions/1.0.{}", cell.definition, number++);
          foretell(cell, source, state, generation);
          cell.told = ground.publish(cell.version, source.storage, cell.region,
                                     {regions[i], regions[(i + 1) % 3]});
          EXPECT_EQ(cell.told.outcome(), cell.put) << cell.name;
          cells.push_back(std::move(cell));
        }
      }
    }
  }
  ground.server.drain();
  int made = 0;
  for (const auto& cell : cells) {
    if (cell.put != "201") continue;
    EXPECT_EQ(ended(ground.server.end_of(cell.told)), cell.end) << cell.name;
    if (cell.end != "Succeeded") continue;
    made++;
    const Json reference = JsonObject{{"id", cell.version}};
    const std::string state(cell.definition.contains("/Specialized") ? "Specialized"
                                                                     : "Generalized");
    const auto at = static_cast<std::size_t>(
        std::ranges::find(regions, std::string_view(cell.region)) - std::begin(regions));
    for (const auto* region : {regions[at], regions[(at + 1) % 3]}) {
      deploy(reference, state, cell.source->generation, region, cell.name);
    }
    const auto* third = regions[(at + 2) % 3];
    EXPECT_EQ(ground.deploy(fmt::format("refused-{}", third), reference, state, third).outcome(),
              not_in(cell.version, third))
        << cell.name;
  }
  // 4 machines, 2 images, 4 disks and 4 snapshots at home; 12 versions and 4 community images in
  // two regions each.
  EXPECT_EQ(made, 46);
  look_at_them();
}

TEST_F(Deployments, MachinesStartFromWhatOthersShareWhereItIs) {
  auto& ground = *ground_;
  ground.as(ground.here);
  for (const auto& source : ground.sources) {
    const bool version = source.name.starts_with("version ");
    const bool community = source.name.starts_with("community ");
    const bool shared = source.name.starts_with("shared ");
    if (!version && !community && !shared) continue;
    const Json reference = JsonObject{{version     ? "id"
                                       : community ? "communityGalleryImageId"
                                                   : "sharedGalleryImageId",
                                       source.id}};
    for (const auto* region : {"westeurope", "eastus"}) {
      deploy(reference, source.state, source.generation, region, source.name);
    }
    EXPECT_EQ(ground.deploy("refused", reference, source.state, "northeurope").outcome(),
              not_in(source.id, "northeurope"))
        << source.name;
  }
  look_at_them();
}

TEST_F(Matrix, AnotherTenantsVersionTakesAnAuxiliaryToken) {
  auto& ground = *ground_;
  ground.as(ground.here);
  ground.make_gallery(ground.here, "alone");
  const auto& token = ground.home_token;
  ground.server.use(token);
  const auto wanted =
      SourceGround::definition(ground.here, "alone", "Generalized", "V1") + "/versions/1.0.0";
  const auto source =
      SourceGround::definition(ground.abroad, "copies", "Generalized", "V1") + "/versions/1.0.0";
  const auto refused = [&](std::string_view scope) {
    return fmt::format(
        "403 LinkedAuthorizationFailed: The client has permission to perform action "
        "'Microsoft.Compute/galleries/images/versions/read' on scope '{}', however the current "
        "tenant '{}' is not authorized to access linked subscription '{}'.",
        scope, ground.server.first().tenant, split(ground.abroad, '/')[2]);
  };
  EXPECT_EQ(
      ground.publish(wanted, SourceGround::of(source), "westeurope", {"westeurope"}).outcome(),
      refused(wanted));
  EXPECT_EQ(
      ground.deploy("alone", JsonObject{{"id", source}}, "Generalized", "westeurope").outcome(),
      refused(ground.machine("alone")));
}

}  // namespace
}  // namespace pinaco::app
