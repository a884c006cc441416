// Roles through @azure/arm-authorization: who is given what sees exactly that, at once.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { admin, clients, collect, makeApp, refused, send, step } from "./lib.mjs";

const location = "westeurope";
const own = clients(admin);
const group = `/subscriptions/${admin.subscription}/resourceGroups/access`;
const gallery = `${group}/providers/Microsoft.Compute/galleries/shared`;
const definition = `${gallery}/images/debian`;

await step("groups, galleries, definitions", async () => {
  await own.resources.resourceGroups.createOrUpdate("access", { location });
  for (const name of ["shared", "hidden"]) {
    await own.compute.galleries.beginCreateOrUpdateAndWait("access", name, { location });
    for (const image of ["debian", "other"]) {
      await own.compute.galleryImages.beginCreateOrUpdateAndWait("access", name, image, {
        location,
        osType: "Linux",
        osState: "Generalized",
        identifier: { publisher: "p", offer: "o", sku: image },
      });
    }
  }
});

await step("subscriptions and tenants", async () => {
  const all = await collect(own.subscriptions.subscriptions.list());
  assert.deepEqual(all.map((each) => each.subscriptionId), [admin.subscription]);
  const tenants = await collect(own.subscriptions.tenants.list());
  assert.deepEqual(tenants.map((each) => each.tenantId), [admin.tenant]);
});

const reader = await step("a service principal", () => makeApp(admin, "reader"));
const theirs = clients(reader);

await step("a stranger sees nothing and learns nothing", async () => {
  assert.deepEqual(await collect(theirs.subscriptions.subscriptions.list()), []);
  assert.deepEqual(await collect(theirs.compute.galleries.listByResourceGroup("access")), []);
  const known = await refused(theirs.compute.galleries.get("access", "shared"),
                              "AuthorizationFailed");
  const unknown = await refused(theirs.compute.galleries.get("access", "shareX"),
                                "AuthorizationFailed");
  assert.equal(known.message.replaceAll("shared", "shareX"), unknown.message);
});

async function roleNamed(name, scope) {
  const found = await collect(
    own.authorization.roleDefinitions.list(scope, { filter: `roleName eq '${name}'` }));
  assert.equal(found.length, 1, name);
  return found[0];
}

async function give(principal, role, scope) {
  return own.authorization.roleAssignments.create(scope, randomUUID(), {
    roleDefinitionId: (await roleNamed(role, scope)).id,
    principalId: principal.objectId,
    principalType: "ServicePrincipal",
  });
}

const onDefinition = await step("Reader on a definition", () => give(reader, "Reader", definition));

await step("shows the definition, and not the gallery", async () => {
  const image = await theirs.compute.galleryImages.get("access", "shared", "debian");
  assert.equal(image.identifier.sku, "debian");
  await refused(theirs.compute.galleries.get("access", "shared"), "AuthorizationFailed");
  await refused(theirs.compute.galleryImages.get("access", "shared", "other"),
                "AuthorizationFailed");
  const images = await collect(theirs.compute.galleryImages.listByGallery("access", "shared"));
  assert.deepEqual(images.map((each) => each.name), ["debian"]);
  assert.equal((await collect(theirs.subscriptions.subscriptions.list())).length, 1);
});

const onGallery = await step("Reader on the gallery", () => give(reader, "Reader", gallery));

await step("shows it and all that is in it, and no other", async () => {
  assert.equal((await theirs.compute.galleries.get("access", "shared")).name, "shared");
  const images = await collect(theirs.compute.galleryImages.listByGallery("access", "shared"));
  assert.deepEqual(images.map((each) => each.name).sort(), ["debian", "other"]);
  for (const list of [theirs.compute.galleries.list(),
                      theirs.compute.galleries.listByResourceGroup("access")]) {
    assert.deepEqual((await collect(list)).map((each) => each.name), ["shared"]);
  }
  await refused(theirs.compute.galleries.get("access", "hidden"), "AuthorizationFailed");
});

await step("a reader changes nothing", async () => {
  await refused(
    theirs.compute.galleries.beginCreateOrUpdateAndWait("access", "shared", { location }),
    "AuthorizationFailed");
  await refused(theirs.compute.galleries.beginDeleteAndWait("access", "shared"),
                "AuthorizationFailed");
});

await step("a contributor gives no roles, not even to itself", async () => {
  const contributor = await makeApp(admin, "contributor");
  await give(contributor, "Contributor", group);
  const hands = clients(contributor);
  await hands.compute.galleries.beginCreateOrUpdateAndWait("access", "shared", {
    location,
    description: "changed",
  });
  await refused(
    hands.authorization.roleAssignments.create(group, randomUUID(), {
      roleDefinitionId: (await roleNamed("Owner", group)).id,
      principalId: contributor.objectId,
      principalType: "ServicePrincipal",
    }),
    "AuthorizationFailed");
});

await step("lists of assignments", async () => {
  const all = await collect(own.authorization.roleAssignments.listForScope(gallery, {
    filter: `principalId eq '${reader.objectId}'`,
  }));
  assert.ok(all.some((each) => each.id === onGallery.id));
  assert.ok(all.every((each) => each.principalId === reader.objectId));
});

await step("what is taken away is gone at once", async () => {
  await own.authorization.roleAssignments.deleteById(onGallery.id);
  await refused(theirs.compute.galleries.get("access", "shared"), "AuthorizationFailed");
  await own.authorization.roleAssignments.deleteById(onDefinition.id);
  await refused(theirs.compute.galleryImages.get("access", "shared", "debian"),
                "AuthorizationFailed");
  assert.deepEqual(await collect(theirs.subscriptions.subscriptions.list()), []);
});

await step("a lock stops a delete", async () => {
  const lock = `${gallery}/providers/Microsoft.Authorization/locks/keep?api-version=2016-09-01`;
  await send(admin, "PUT", lock, { properties: { level: "CanNotDelete" } });
  await refused(own.compute.galleryImages.beginDeleteAndWait("access", "shared", "other"),
                "ScopeLocked");
  await send(admin, "DELETE", lock);
  await own.compute.galleryImages.beginDeleteAndWait("access", "shared", "other");
});
