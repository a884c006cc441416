// Two tenants, one multi-tenant application: it publishes in tenant B what tenant A has, and
// deploys it, with the token of each tenant in one request.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { auxiliaryAuthenticationHeaderPolicy } from "@azure/core-rest-pipeline";
import { PageBlobClient } from "@azure/storage-blob";
import { admin, clients, credential, endpoint, makeApp, refused, send, step } from "./lib.mjs";

const location = "westeurope";
const mib = 1 << 20;
const image = {
  location,
  osType: "Linux",
  osState: "Generalized",
  identifier: { publisher: "p", offer: "o", sku: "s" },
};
const builtIn = (id) => `/providers/Microsoft.Authorization/roleDefinitions/${id}`;
const reader = builtIn("acdd72a7-3385-48ef-bd42-f606fba81ae7");
const contributor = builtIn("b24988ac-6180-42a0-ab88-20f7382dd24c");

// The last 512 bytes of a fixed VHD (Microsoft's specification, version 1.0).
function vhdFooter(size) {
  const footer = Buffer.alloc(512);
  footer.write("conectix", 0, "latin1");
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x00010000, 12);
  footer.fill(0xff, 16, 24);
  footer.write("test", 28, "latin1");
  footer.writeUInt32BE(0x00010000, 32);
  footer.writeBigUInt64BE(BigInt(size), 40);
  footer.writeBigUInt64BE(BigInt(size), 48);
  footer.writeUInt32BE(0x03c00411, 56);
  footer.writeUInt32BE(2, 60);
  randomBytes(16).copy(footer, 68);
  footer.writeUInt32BE(~footer.reduce((sum, each) => sum + each, 0) >>> 0, 64);
  return footer;
}

async function uploadDisk(own, name, bytes) {
  const disk = await own.compute.disks.beginCreateOrUpdateAndWait("rg", name, {
    location,
    osType: "Linux",
    creationData: { createOption: "Upload", uploadSizeBytes: bytes.length + 512 },
  });
  const access = { access: "Write", durationInSeconds: 3600 };
  const { accessSAS } = await own.compute.disks.beginGrantAccessAndWait("rg", name, access);
  const blob = new PageBlobClient(accessSAS);
  for (let at = 0; at < bytes.length; at += 4 * mib) {
    const part = bytes.subarray(at, at + 4 * mib);
    await blob.uploadPages(part, at, part.length);
  }
  await blob.uploadPages(vhdFooter(bytes.length), bytes.length, 512);
  await own.compute.disks.beginRevokeAccessAndWait("rg", name);
  return disk.id;
}

async function digestOfDisk(own, name) {
  const access = { access: "Read", durationInSeconds: 3600 };
  const { accessSAS } = await own.compute.disks.beginGrantAccessAndWait("rg", name, access);
  const all = await new PageBlobClient(accessSAS).downloadToBuffer();
  return createHash("sha256").update(all.subarray(0, all.length - 512)).digest("hex");
}

const a = admin;
const b = await step("a second tenant", async () => {
  const made = await send(admin, "POST", "/pinaco/v1/tenants", {
    name: "Fabrikam",
    subscription: "Fabrikam",
  });
  return { endpoint, ...made };
});
const inA = clients(a);
const inB = clients(b);

const bytes = randomBytes(32 * mib);
const version = await step("a version in tenant A", async () => {
  await inA.resources.resourceGroups.createOrUpdate("rg", { location });
  await inA.compute.galleries.beginCreateOrUpdateAndWait("rg", "golden", { location });
  await inA.compute.galleryImages.beginCreateOrUpdateAndWait("rg", "golden", "debian", image);
  const id = await uploadDisk(inA, "source", bytes);
  const published = await inA.compute.galleryImageVersions.beginCreateOrUpdateAndWait(
    "rg", "golden", "debian", "1.0.0", {
      location,
      publishingProfile: { targetRegions: [{ name: location }] },
      storageProfile: { osDiskImage: { source: { id } } },
    });
  return published.id;
});
await step("a gallery in tenant B", async () => {
  await inB.resources.resourceGroups.createOrUpdate("rg", { location });
  await inB.compute.galleries.beginCreateOrUpdateAndWait("rg", "copies", { location });
  await inB.compute.galleryImages.beginCreateOrUpdateAndWait("rg", "copies", "debian", image);
});

await step("neither tenant sees the other", async () => {
  const other = clients(a, b.subscription);
  await refused(other.compute.galleries.get("rg", "copies"), "InvalidAuthenticationTokenTenant");
  await refused(clients(b, a.subscription).compute.galleries.get("rg", "golden"),
                "InvalidAuthenticationTokenTenant");
});

const robot = await step("one application, a service principal in each", async () => {
  const home = await makeApp(a, "robot", { signInAudience: "AzureADMultipleOrgs" });
  const guest = await send(b, "POST", "/v1.0/servicePrincipals", { appId: home.clientId });
  return { home, guest: { ...home, tenant: b.tenant, objectId: guest.id } };
});
const give = (own, scope, role, principalId) =>
  own.authorization.roleAssignments.create(scope, randomUUID(), {
    roleDefinitionId: role,
    principalId,
    principalType: "ServicePrincipal",
  });
const groupB = `/subscriptions/${b.subscription}/resourceGroups/rg`;
await step("Contributor in tenant B", () =>
  give(inB, groupB, contributor, robot.guest.objectId));

const alone = clients(robot.guest, b.subscription);
const both = clients(robot.guest, b.subscription);
both.compute.pipeline.addPolicy(auxiliaryAuthenticationHeaderPolicy({
  credentials: [credential(robot.home)],
  scopes: `${endpoint}/.default`,
}));
const publish = (own, name) =>
  own.compute.galleryImageVersions.beginCreateOrUpdateAndWait("rg", "copies", "debian", name, {
    location,
    publishingProfile: { targetRegions: [{ name: location }, { name: "northeurope" }] },
    storageProfile: { source: { id: version } },
  });
const deploy = (own, name) =>
  own.compute.disks.beginCreateOrUpdateAndWait("rg", name, {
    location,
    creationData: { createOption: "FromImage", galleryImageReference: { id: version } },
  });

await step("without the second token, or without a right in A: refused", async () => {
  const error = await refused(publish(alone, "1.0.0"), "LinkedAuthorizationFailed");
  assert.match(error.message, /is not authorized to access linked subscription/);
  await refused(publish(both, "1.0.0"), "LinkedAuthorizationFailed");
  await refused(deploy(both, "from-a"), "LinkedAuthorizationFailed");
});
await step("Reader on the gallery in tenant A", () =>
  give(inA, version.split("/images/")[0], reader, robot.home.objectId));
await step("publishes in B what A has", async () => {
  const copy = await publish(both, "1.0.0");
  assert.equal(copy.provisioningState, "Succeeded");
});
await step("deploys it in B, from A and from the copy", async () => {
  await deploy(both, "from-a");
  await inB.compute.disks.beginCreateOrUpdateAndWait("rg", "from-b", {
    location,
    creationData: {
      createOption: "FromImage",
      galleryImageReference: {
        id: `${groupB}/providers/Microsoft.Compute/galleries/copies/images/debian/versions/1.0.0`,
      },
    },
  });
  const wanted = createHash("sha256").update(bytes).digest("hex");
  for (const name of ["from-a", "from-b"]) assert.equal(await digestOfDisk(inB, name), wanted);
});
await step("the copy outlives its source", async () => {
  await inA.compute.galleryImageVersions.beginDeleteAndWait("rg", "golden", "debian", "1.0.0");
  await inB.compute.disks.beginCreateOrUpdateAndWait("rg", "later", {
    location,
    creationData: {
      createOption: "FromImage",
      galleryImageReference: {
        id: `${groupB}/providers/Microsoft.Compute/galleries/copies/images/debian`,
      },
    },
  });
  const wanted = createHash("sha256").update(bytes).digest("hex");
  assert.equal(await digestOfDisk(inB, "later"), wanted);
});
await step("an application that is gone is refused", async () => {
  await send(a, "DELETE", `/v1.0/applications/${robot.home.applicationId}`);
  await refused(deploy(both, "too-late"), "InvalidAuthenticationToken");
});
