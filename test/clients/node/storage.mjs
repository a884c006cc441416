// A VHD as a page blob: written, read and listed by the storage SDK, then a version made from it.
import assert from "node:assert/strict";
import { randomBytes, createHash } from "node:crypto";
import {
  BlobSASPermissions,
  BlobServiceClient,
  generateBlobSASQueryParameters,
  PageBlobClient,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { admin, clients, endpoint, send } from "./lib.mjs";

const { compute, resources } = clients(admin);
const location = "westeurope";
const group = "storage";
const subscription = `/subscriptions/${admin.subscription}`;
const account = `${subscription}/resourceGroups/${group}/providers/Microsoft.Storage/storageAccounts/nodedisks`;
await resources.resourceGroups.createOrUpdate(group, { location });
await send(admin, "PUT", `${account}?api-version=2022-09-01`, {
  location,
  sku: { name: "Standard_LRS" },
  kind: "StorageV2",
});
const { keys } = await send(admin, "POST", `${account}/listKeys?api-version=2022-09-01`);
const key = new StorageSharedKeyCredential("nodedisks", keys[1].value);
const service = new BlobServiceClient(`${endpoint}/nodedisks`, key);

const container = service.getContainerClient("vhds");
await container.create({ metadata: { owner: "team_a", ownerName: "b" } });
assert.equal((await container.createIfNotExists()).succeeded, false);

// A fixed VHD of 8 MiB: random bytes, a hole, and a footer.
const mib = 1 << 20;
const disk = Buffer.alloc(8 * mib);
randomBytes(3 * mib).copy(disk, 2 * mib);
function footer(size) {
  const bytes = Buffer.alloc(512);
  bytes.write("conectix");
  bytes.writeUInt32BE(2, 8);
  bytes.writeUInt32BE(0x10000, 12);
  bytes.fill(0xff, 16, 24);
  bytes.writeBigUInt64BE(BigInt(size), 40);
  bytes.writeBigUInt64BE(BigInt(size), 48);
  bytes.writeUInt16BE(240, 56);
  bytes.writeUInt8(4, 58);
  bytes.writeUInt8(17, 59);
  bytes.writeUInt32BE(2, 60);
  bytes.fill(7, 68, 84);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.writeUInt32BE(~sum >>> 0, 64);
  return bytes;
}
const vhd = Buffer.concat([disk, footer(disk.length)]);

const name = "images/os disk.vhd";
const blob = container.getPageBlobClient(name);
await blob.create(vhd.length, {
  blobHTTPHeaders: { blobContentType: "application/x-vhd" },
  metadata: { os: "linux", os_version: "12", osVersion: "12.1" },
});
await blob.uploadPages(disk.subarray(2 * mib, 5 * mib), 2 * mib, 3 * mib);
const { etag } = await blob.uploadPages(vhd.subarray(disk.length), disk.length, 512);
await assert.rejects(
  blob.clearPages(0, 512, { conditions: { ifMatch: '"0x1"' } }),
  (error) => error.statusCode === 412 && error.code === "ConditionNotMet",
);
const properties = await blob.getProperties({ conditions: { ifMatch: etag } });
assert.equal(properties.contentLength, vhd.length);
assert.equal(properties.blobType, "PageBlob");
assert.equal(properties.contentType, "application/x-vhd");
assert.equal(properties.metadata.os, "linux");
const { pageRange } = await blob.getPageRanges(0, vhd.length);
assert.equal(pageRange.at(0).offset, 2 * mib);
assert.equal(pageRange.at(-1).offset, disk.length);
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");
assert.equal(sha(await blob.downloadToBuffer(0, undefined, { blockSize: mib })), sha(vhd));

const names = [];
for await (const each of container.listBlobsFlat({ includeMetadata: true })) names.push(each.name);
assert.deepEqual(names, [name]);
const folders = [];
for await (const each of container.listBlobsByHierarchy("/")) folders.push([each.kind, each.name]);
assert.deepEqual(folders, [["prefix", "images/"]]);
for await (const each of service.listContainers()) assert.equal(each.name, "vhds");
await assert.rejects(container.getBlockBlobClient("a").upload("a", 1), (error) =>
  ["InvalidBlobType"].includes(error.code));

// A signature for reading reads, and does no more.
const sas = generateBlobSASQueryParameters(
  {
    containerName: "vhds",
    blobName: name,
    permissions: BlobSASPermissions.parse("r"),
    expiresOn: new Date(Date.now() + 600_000),
  },
  key,
);
const linked = new PageBlobClient(`${blob.url}?${sas}`);
assert.equal((await linked.downloadToBuffer(0, 4096)).length, 4096);
await assert.rejects(linked.delete(), (error) => error.code === "AuthorizationPermissionMismatch");

await compute.galleries.beginCreateOrUpdateAndWait(group, "storage", { location });
await compute.galleryImages.beginCreateOrUpdateAndWait(group, "storage", "d", {
  location,
  osType: "Linux",
  osState: "Generalized",
  hyperVGeneration: "V1",
  identifier: { publisher: "p", offer: "o", sku: "storage" },
});
const version = await compute.galleryImageVersions.beginCreateOrUpdateAndWait(
  group, "storage", "d", "1.0.0",
  { location, storageProfile: { osDiskImage: { source: { uri: blob.url, storageAccountId: account } } } },
);
assert.equal(version.provisioningState, "Succeeded");
const made = await compute.disks.beginCreateOrUpdateAndWait(group, "imported", {
  location,
  creationData: { createOption: "Import", sourceUri: blob.url, storageAccountId: account },
});
const access = await compute.disks.beginGrantAccessAndWait(group, "imported", {
  access: "Read",
  durationInSeconds: 600,
});
const back = await new PageBlobClient(access.accessSAS).downloadToBuffer(0, disk.length);
assert.equal(made.diskSizeBytes, disk.length);
assert.equal(sha(back), sha(disk));

await send(admin, "POST", `${account}/regenerateKey?api-version=2022-09-01`, { keyName: "key2" });
await assert.rejects(linked.download(), (error) => error.statusCode === 403);
await assert.rejects(blob.getProperties(), (error) => error.statusCode === 403);
console.log("ok: page blobs by the storage SDK");
