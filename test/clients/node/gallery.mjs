// The whole surface of galleries, with the @azure/arm-compute of three years: what is long is
// followed by the SDK's pollers, what is more than a page by its iterators.
import assert from "node:assert/strict";
import { ComputeManagementClient } from "@azure/arm-compute";
import { ComputeManagementClient as Compute2022 } from "arm-compute-2022";
import { ComputeManagementClient as ComputeNewest } from "arm-compute-newest";
import { admin, clients, collect, refused, step } from "./lib.mjs";

const location = "westeurope";
const away = "northeurope";
const names = (all) => all.map((each) => each.name).sort();
const { resources } = clients(admin);
const community = {
  permissions: "Community",
  communityGalleryInfo: {
    publisherUri: "https://publisher.example",
    publisherContact: "a@publisher.example",
    eula: "https://publisher.example/eula",
    publicNamePrefix: "golden",
  },
};

// The poller that a begin method gives, asked as programs ask it.
async function follow(begun) {
  const poller = await begun;
  const result = await poller.pollUntilDone();
  assert.equal(poller.isDone?.() ?? poller.isDone, true);
  return result;
}

async function surface(year, Compute) {
  const { compute } = clients(admin, admin.subscription, Compute);
  const group = `surface-${year}`;
  const gallery = `gallery${year}`;
  const definition = [group, gallery, "debian"];
  const version = [...definition, "1.0.0"];
  const say = (what, work) => step(`${what} (arm-compute, ${year})`, work);
  await resources.resourceGroups.createOrUpdate(group, { location });

  await say("galleries: create, update, get, lists", async () => {
    const made = await follow(compute.galleries.beginCreateOrUpdate(group, gallery, {
      location, description: "d", sharingProfile: { permissions: "Groups" },
    }));
    assert.equal(made.provisioningState, "Succeeded");
    await follow(compute.galleries.beginUpdate(group, gallery,
                                               { description: "e", tags: { a: "b" } }));
    const got = await compute.galleries.get(group, gallery,
                                            { select: "Permissions", expand: "SharingProfile/Groups" });
    assert.equal(got.description, "e");
    assert.deepEqual(got.tags, { a: "b" });
    assert.deepEqual(names(await collect(compute.galleries.listByResourceGroup(group))), [gallery]);
    assert.ok(names(await collect(compute.galleries.list())).includes(gallery));
  });

  await say("images: create, update, get, pages of a list", async () => {
    const image = (sku) => ({
      location, osType: "Linux", osState: "Generalized",
      identifier: { publisher: "p", offer: "o", sku },
    });
    const all = Array.from({ length: 100 }, (_, i) => `more-${i}`).concat("debian");
    await Promise.all(all.map((name) =>
      compute.galleryImages.beginCreateOrUpdate(group, gallery, name, image(name))));
    await compute.galleryImages.beginUpdateAndWait(...definition, { description: "x" });
    assert.equal((await compute.galleryImages.get(...definition)).description, "x");
    const pages = await collect(compute.galleryImages.listByGallery(group, gallery).byPage());
    assert.deepEqual(pages.map((each) => each.length), [100, 1]);
    assert.deepEqual(names(pages.flat()), all.sort());
  });

  await say("versions: create, update, get with ReplicationStatus, list", async () => {
    const disk = await compute.disks.beginCreateOrUpdateAndWait(group, "disk", {
      location, osType: "Linux", diskSizeGB: 1, creationData: { createOption: "Empty" },
    });
    const snapshot = await follow(compute.snapshots.beginCreateOrUpdate(group, "snapshot", {
      location, creationData: { createOption: "Copy", sourceResourceId: disk.id },
    }));
    const made = await follow(compute.galleryImageVersions.beginCreateOrUpdate(...version, {
      location,
      publishingProfile: { targetRegions: [{ name: location }], replicaCount: 1 },
      storageProfile: { osDiskImage: { source: { id: snapshot.id } } },
    }));
    assert.equal(made.provisioningState, "Succeeded");
    await follow(compute.galleryImageVersions.beginUpdate(...version, {
      publishingProfile: { targetRegions: [{ name: location }, { name: away }] },
    }));
    const got = await compute.galleryImageVersions.get(...version, { expand: "ReplicationStatus" });
    assert.equal(got.replicationStatus.aggregatedState, "Completed");
    assert.equal(got.replicationStatus.summary.length, 2);
    const listed = await collect(compute.galleryImageVersions.listByGalleryImage(...definition));
    assert.deepEqual(names(listed), ["1.0.0"]);
  });

  await say("shared galleries, their images, their versions", async () => {
    const shared = [location, `${admin.subscription}-${gallery.toUpperCase()}`];
    const groups = [{ type: "Subscriptions", ids: [admin.subscription] }];
    await follow(compute.gallerySharingProfile.beginUpdate(group, gallery,
                                                           { operationType: "Add", groups }));
    assert.deepEqual(names(await collect(compute.sharedGalleries.list(location))), [shared[1]]);
    assert.equal((await compute.sharedGalleries.get(...shared)).name, shared[1]);
    assert.equal((await collect(compute.sharedGalleryImages.list(...shared))).length, 101);
    assert.equal((await compute.sharedGalleryImages.get(...shared, "debian")).osType, "Linux");
    const versions = compute.sharedGalleryImageVersions;
    assert.deepEqual(names(await collect(versions.list(...shared, "debian"))), ["1.0.0"]);
    assert.equal((await versions.get(...shared, "debian", "1.0.0")).name, "1.0.0");
    await compute.gallerySharingProfile.beginUpdateAndWait(group, gallery,
                                                           { operationType: "Reset" });
    await refused(compute.sharedGalleries.get(...shared), "NotFound");
  });

  await say("community galleries, their images, their versions", async () => {
    const open = `open${year}`;
    await compute.galleries.beginCreateOrUpdateAndWait(group, open,
                                                       { location, sharingProfile: community });
    await compute.gallerySharingProfile.beginUpdateAndWait(group, open,
                                                           { operationType: "EnableCommunity" });
    const { sharingProfile } = await compute.galleries.get(group, open);
    const where = [location, sharingProfile.communityGalleryInfo.publicNames[0]];
    assert.equal((await compute.communityGalleries.get(...where)).name, where[1]);
    await compute.galleryImages.beginCreateOrUpdateAndWait(group, open, "debian", {
      location, osType: "Linux", osState: "Generalized",
      identifier: { publisher: "p", offer: "o", sku: "s" },
    });
    await compute.galleryImageVersions.beginCreateOrUpdateAndWait(group, open, "debian", "1.0.0", {
      location,
      storageProfile: { source: { id: (await compute.galleryImageVersions.get(...version)).id } },
    });
    const { communityGalleryImages: images, communityGalleryImageVersions: versions } = compute;
    assert.deepEqual(names(await collect(images.list(...where))), ["debian"]);
    assert.equal((await images.get(...where, "debian")).osType, "Linux");
    assert.deepEqual(names(await collect(versions.list(...where, "debian"))), ["1.0.0"]);
    assert.equal((await versions.get(...where, "debian", "1.0.0")).name, "1.0.0");
    await compute.gallerySharingProfile.beginUpdateAndWait(group, open, { operationType: "Reset" });
  });

  await say("deletes, in their order", async () => {
    await refused(compute.galleries.beginDeleteAndWait(group, gallery), "CannotDeleteResource");
    await follow(compute.galleryImageVersions.beginDelete(...version));
    await refused(compute.galleryImageVersions.get(...version), "ResourceNotFound");
    await follow(compute.galleryImages.beginDelete(...definition));
    const left = await collect(compute.galleryImages.listByGallery(group, gallery));
    await Promise.all(left.map((each) =>
      compute.galleryImages.beginDeleteAndWait(group, gallery, each.name)));
    await follow(compute.galleries.beginDelete(group, gallery));
    await refused(compute.galleries.get(group, gallery), "ResourceNotFound");
    await resources.resourceGroups.beginDeleteAndWait(group);
    assert.equal((await resources.resourceGroups.checkExistence(group)).body, false);
  });
}

await surface("2022", Compute2022);
await surface("2024", ComputeManagementClient);
await surface("newest", ComputeNewest);
