"""The SDK's way through a gallery. Usage: lifecycle.py CREDENTIALS adfs|tenant DISK.vhd"""
import base64
import json
import sys
import uuid

from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.resource import ResourceManagementClient, SubscriptionClient
from azure.storage.blob import BlobClient

with open(sys.argv[1], encoding="utf-8") as file:
    made = json.load(file)
form, disk_file = sys.argv[2], sys.argv[3]
url, subscription = made["endpoint"], made["subscription"]
login = made["clientId"], made["clientSecret"]
if form == "adfs":
    credential = ClientSecretCredential("adfs", *login, authority=url)
else:
    credential = ClientSecretCredential(made["tenant"], *login, authority=url,
                                        instance_discovery=False)
options = {"base_url": url, "credential_scopes": [url + "/.default"]}
compute = ComputeManagementClient(credential, subscription, **options)
resource = ResourceManagementClient(credential, subscription, **options)
authorization = AuthorizationManagementClient(credential, subscription, **options)
home, away = "westeurope", "northeurope"
at = {"location": home}


def step(what, value, wanted):
    if value != wanted:
        sys.exit(f"{what}: {value!r}, not {wanted!r}")
    print(f"ok: python {what} ({form})")


def refused(what, code, call):
    try:
        call()
    except HttpResponseError as error:
        step(what, error.error.code if error.error else str(error), code)
    else:
        sys.exit(f"{what}: was not refused")


def succeeded(what, poller):
    result = poller.result()
    step(what, result.provisioning_state, "Succeeded")
    return result


found = list(SubscriptionClient(credential, **options).subscriptions.list())
step("subscriptions.list", [each.subscription_id for each in found], [subscription])
group = resource.resource_groups.create_or_update("rg", at)
step("resource_groups.create_or_update", group.properties.provisioning_state, "Succeeded")

galleries = compute.galleries
succeeded("galleries.begin_create_or_update", galleries.begin_create_or_update(
    "rg", "gallery", {**at, "description": "d", "sharing_profile": {"permissions": "Groups"}}))
succeeded("galleries.begin_update", galleries.begin_update(
    "rg", "gallery", {"description": "z", "tags": {"a": "b"}}))
step("galleries.get", galleries.get("rg", "gallery").description, "z")
step("galleries.list", [each.name for each in galleries.list()], ["gallery"])
succeeded("gallery_images.begin_create_or_update", compute.gallery_images.begin_create_or_update(
    "rg", "gallery", "definition", {
        **at, "os_type": "Linux", "os_state": "Generalized",
        "identifier": {"publisher": "p", "offer": "o", "sku": "s"}}))

with open(disk_file, "rb") as file:
    content = file.read()
disk = succeeded("disks.begin_create_or_update", compute.disks.begin_create_or_update(
    "rg", "disk", {**at, "os_type": "Linux", "creation_data": {
        "create_option": "Upload", "upload_size_bytes": len(content)}}))
link = compute.disks.begin_grant_access(
    "rg", "disk", {"access": "Write", "duration_in_seconds": 3600}).result().access_sas
blob = BlobClient.from_blob_url(link)
for start in range(0, len(content), 4 << 20):
    part = content[start:start + (4 << 20)]
    blob.upload_page(part, offset=start, length=len(part))
compute.disks.begin_revoke_access("rg", "disk").result()
step("disks.get", compute.disks.get("rg", "disk").disk_state, "Unattached")
snapshot = succeeded("snapshots.begin_create_or_update", compute.snapshots.begin_create_or_update(
    "rg", "snapshot", {**at, "creation_data": {
        "create_option": "Copy", "source_resource_id": disk.id}}))
link = compute.snapshots.begin_grant_access(
    "rg", "snapshot", {"access": "Read", "duration_in_seconds": 3600}).result().access_sas
back = BlobClient.from_blob_url(link).download_blob().readall()
step("a snapshot read back", back[:-512] == content[:-512], True)
compute.snapshots.begin_revoke_access("rg", "snapshot").result()
image = succeeded("images.begin_create_or_update", compute.images.begin_create_or_update(
    "rg", "image", {**at, "hyper_v_generation": "V1", "storage_profile": {"os_disk": {
        "os_type": "Linux", "os_state": "Generalized", "snapshot": {"id": snapshot.id}}}}))

versions, where = compute.gallery_image_versions, ("rg", "gallery", "definition", "1.0.0")
version = succeeded("gallery_image_versions.begin_create_or_update",
                    versions.begin_create_or_update(*where, {
                        **at, "storage_profile": {"source": {"id": image.id}},
                        "publishing_profile": {"target_regions": [{"name": home}]}}))
succeeded("gallery_image_versions.begin_update", versions.begin_update(*where, {
    "publishing_profile": {"target_regions": [{"name": home}, {"name": away}]}}))
status = versions.get(*where, expand="ReplicationStatus").replication_status
step("gallery_image_versions.get", (status.aggregated_state, len(status.summary)),
     ("Completed", 2))

compute.gallery_sharing_profile.begin_update("rg", "gallery", {
    "operation_type": "Add", "groups": [{"type": "Subscriptions", "ids": [subscription]}]}).result()
step("shared_galleries.list", [each.name for each in compute.shared_galleries.list(home)],
     [f"{subscription}-GALLERY"])
compute.gallery_sharing_profile.begin_update("rg", "gallery", {"operation_type": "Reset"}).result()

token = credential.get_token(url + "/.default").token.split(".")[1]
principal = json.loads(base64.urlsafe_b64decode(token + "=="))["oid"]
reader = next(iter(authorization.role_definitions.list(version.id, "roleName eq 'Reader'")))
assigned = authorization.role_assignments.create(version.id, str(uuid.uuid4()), {
    "role_definition_id": reader.id, "principal_id": principal,
    "principal_type": "ServicePrincipal"})
step("role_assignments.create", assigned.principal_id, principal)
listed = [each.id for each in authorization.role_assignments.list_for_scope(version.id)]
step("role_assignments.list_for_scope", assigned.id in listed, True)
authorization.role_assignments.delete_by_id(assigned.id)

with open("network.json", encoding="utf-8") as file:
    template = json.load(file)
deployed = resource.deployments.begin_create_or_update("rg", "network", {"properties": {
    "mode": "Incremental", "template": template,
    "parameters": {"name": {"value": "nic"}}}}).result()
step("deployments.begin_create_or_update", deployed.properties.provisioning_state, "Succeeded")
machines, nic = compute.virtual_machines, deployed.properties.outputs["id"]["value"]
succeeded("virtual_machines.begin_create_or_update", machines.begin_create_or_update("rg", "vm", {
    **at, "hardware_profile": {"vm_size": "Standard_B1s"},
    "storage_profile": {"image_reference": {"id": version.id}},
    "os_profile": {"computer_name": "vm", "admin_username": "ann",
                   "admin_password": "Quite-Secret-7"},
    "network_profile": {"network_interfaces": [{"id": nic}]}}))
view = machines.instance_view("rg", "vm")
step("virtual_machines.instance_view", view.statuses[-1].code, "PowerState/running")
machines.begin_deallocate("rg", "vm").result()
step("virtual_machines.begin_deallocate", machines.instance_view("rg", "vm").statuses[-1].code,
     "PowerState/deallocated")
machines.generalize("rg", "vm")

refused("galleries.begin_delete of a full one", "CannotDeleteResource",
        lambda: galleries.begin_delete("rg", "gallery").result())
versions.begin_delete(*where).result()
refused("gallery_image_versions.begin_delete", "ResourceNotFound", lambda: versions.get(*where))
resource.resource_groups.begin_delete("rg").result()
step("resource_groups.begin_delete", resource.resource_groups.check_existence("rg"), False)
