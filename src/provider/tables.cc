// The two tables that everything is made from: resource types, and the platform's operations.
#include "base/text.h"
#include "provider/authorization.h"
#include "provider/consumption.h"
#include "provider/disks.h"
#include "provider/galleries.h"
#include "provider/limits.h"
#include "provider/machines.h"
#include "provider/network.h"
#include "provider/platform.h"
#include "provider/provider.h"
#include "provider/recycle.h"
#include "provider/resource_graph.h"
#include "provider/scale_sets.h"
#include "provider/sharing.h"
#include "provider/storage.h"
#include "provider/tags.h"
#include "provider/template_specs.h"

namespace pinaco::provider {
namespace {

constexpr std::string_view resource_versions[] = {
    "2014-04-01", "2015-11-01", "2016-02-01", "2016-06-01", "2016-09-01", "2017-05-10",
    "2018-02-01", "2018-05-01", "2019-05-01", "2019-07-01", "2019-08-01", "2019-10-01",
    "2020-06-01", "2020-08-01", "2020-10-01", "2021-01-01", "2021-04-01", "2022-09-01",
    "2023-07-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01"};

constexpr std::string_view subscription_versions[] = {
    "2014-04-01", "2015-11-01", "2016-06-01", "2018-02-01", "2018-06-01",
    "2019-06-01", "2019-10-01", "2019-11-01", "2020-01-01", "2021-01-01",
    "2021-04-01", "2022-09-01", "2022-12-01"};

constexpr std::string_view operation_versions[] = {"*"};

constexpr std::string_view management_versions[] = {"2020-02-01", "2020-05-01", "2021-04-01",
                                                    "2023-04-01"};

constexpr std::string_view sharing_versions[] = {
    "2020-09-30", "2021-07-01", "2021-10-01", "2022-01-03", "2022-03-03", "2022-08-03",
    "2023-07-03", "2024-03-03", "2025-03-03", "2025-12-03", "2026-03-03"};

constexpr std::string_view invite_versions[] = {"2025-12-03", "2026-03-03"};

constexpr std::string_view insights_versions[] = {"2014-04-01", "2015-04-01"};
constexpr std::string_view graph_versions[] = {"2021-03-01", "2022-10-01", "2024-04-01"};

// Those of the galleries' own list.
constexpr std::string_view galleries_versions[] = {
    "2018-06-01", "2019-03-01", "2019-07-01", "2019-12-01", "2020-09-30",
    "2021-07-01", "2021-10-01", "2022-01-03", "2022-03-03", "2022-08-03",
    "2023-07-03", "2024-03-03", "2025-03-03", "2025-12-03", "2026-03-03"};

constexpr std::string_view recycling_versions[] = {"2024-03-03", "2025-03-03", "2025-12-03",
                                                   "2026-03-03"};

constexpr std::string_view sku_versions[] = {"2017-03-30", "2017-09-01", "2019-04-01",
                                             "2021-07-01"};

#define SET                                                                           \
  "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Compute/" \
  "virtualMachineScaleSets/{set}/"
#define QUOTA                                                                                 \
  "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/providers/" \
  "Microsoft.Quota/"
const Route platform[] = {
    {"GET", "/tenants", subscription_versions, "", "tenants of the caller", list_tenants},
    {"GET", "/subscriptions", subscription_versions, "", "subscriptions of the caller",
     list_subscriptions},
    {"GET", "/subscriptions/{subscription}", subscription_versions, "", "one subscription",
     get_subscription},
    {"GET", "/subscriptions/{subscription}/locations", subscription_versions, "", "the regions",
     list_locations},
    {"GET", "/subscriptions/{subscription}/providers", resource_versions, "", "resource providers",
     list_providers},
    {"GET", "/subscriptions/{subscription}/providers/{provider}", resource_versions, "",
     "one resource provider", get_provider},
    {"POST", "/subscriptions/{subscription}/providers/{provider}/register", resource_versions,
     "Microsoft.Resources/subscriptions/providers/register/action",
     "registration, which every provider here always has", get_provider},
    {"POST", "/subscriptions/{subscription}/providers/{provider}/unregister", resource_versions,
     "Microsoft.Resources/subscriptions/providers/unregister/action", "always refused",
     unregister_provider},
    {"GET", "/subscriptions/{subscription}/resources", resource_versions, "",
     "all resources, with the usual $filter", list_resources_of_group},
    {"GET", "/subscriptions/{subscription}/resourcegroups", resource_versions, "",
     "resource groups", list_groups},
    {"PUT", "/subscriptions/{subscription}/resourcegroups/{group}", resource_versions,
     "Microsoft.Resources/subscriptions/resourceGroups/write", "create or update", put_group},
    {"PATCH", "/subscriptions/{subscription}/resourcegroups/{group}", resource_versions,
     "Microsoft.Resources/subscriptions/resourceGroups/write", "change tags", patch_group},
    {"GET", "/subscriptions/{subscription}/resourcegroups/{group}", resource_versions,
     "Microsoft.Resources/subscriptions/resourceGroups/read", "one resource group", get_group},
    {"HEAD", "/subscriptions/{subscription}/resourcegroups/{group}", resource_versions,
     "Microsoft.Resources/subscriptions/resourceGroups/read", "does it exist", head_group},
    {"DELETE", "/subscriptions/{subscription}/resourcegroups/{group}", resource_versions,
     "Microsoft.Resources/subscriptions/resourceGroups/delete", "with all that is in it",
     delete_group},
    {"GET", "/subscriptions/{subscription}/resourcegroups/{group}/resources", resource_versions, "",
     "resources of a group", list_resources_of_group},
    {"POST", "/subscriptions/{subscription}/resourcegroups/{group}/moveResources",
     resource_versions, "Microsoft.Resources/subscriptions/resourceGroups/moveResources/action",
     "always refused", move_resources},
    {"POST", "/subscriptions/{subscription}/resourcegroups/{group}/validateMoveResources",
     resource_versions,
     "Microsoft.Resources/subscriptions/resourceGroups/validateMoveResources/action",
     "always refused", move_resources},
    {"GET", "/subscriptions/{subscription}/tagNames", resource_versions,
     "Microsoft.Resources/subscriptions/tagNames/read",
     "tags that are in use or predefined, and how often", list_tag_names},
    {"PUT", "/subscriptions/{subscription}/tagNames/{name}", resource_versions,
     "Microsoft.Resources/subscriptions/tagNames/write", "predefine a name", put_tag_name},
    {"DELETE", "/subscriptions/{subscription}/tagNames/{name}", resource_versions,
     "Microsoft.Resources/subscriptions/tagNames/delete", "one that is not in use",
     delete_tag_name},
    {"PUT", "/subscriptions/{subscription}/tagNames/{name}/tagValues/{value}", resource_versions,
     "Microsoft.Resources/subscriptions/tagNames/tagValues/write", "predefine a value of a name",
     put_tag_value},
    {"DELETE", "/subscriptions/{subscription}/tagNames/{name}/tagValues/{value}", resource_versions,
     "Microsoft.Resources/subscriptions/tagNames/tagValues/delete", "one that is not in use",
     delete_tag_value},
    {"GET", "/subscriptions/{subscription}/operationresults/{operation}", operation_versions, "",
     "result of a long operation", get_operation_result},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "capsOperations/{operation}",
     operation_versions, "", "long operations of galleries", get_operation},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "DiskOperations/{operation}",
     operation_versions, "", "long operations of disks and snapshots", get_operation},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "operations/{operation}",
     operation_versions, "", "long operations of machines and managed images", get_operation},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Network/locations/{location}/"
     "operations/{operation}",
     operation_versions, "", "long operations of networks", get_operation},
    {"GET",
     "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Compute/"
     "virtualMachines/{machine}/instanceView",
     compute_api_versions(), "Microsoft.Compute/virtualMachines/instanceView/read",
     "how a machine is doing", instance_view},
    {"GET", SET "instanceView", compute_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/instanceView/read", "how a scale set is doing",
     scale_set_view},
    {"GET", SET "skus", compute_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/skus/read", "sizes that its instances may have",
     scale_set_skus},
    {"GET", SET "rollingUpgrades/latest", compute_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/read", "its last rolling upgrade",
     latest_rolling_upgrade},
    {"POST", SET "rollingUpgrades/cancel", compute_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/action",
     "ends a rolling upgrade after the batch it is at", cancel_rolling_upgrade},
    {"GET", SET "virtualMachines/{instance}/instanceView", compute_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read",
     "how an instance is doing", instance_view_of_instance},
    {"GET", SET "networkInterfaces", network_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/networkInterfaces/read",
     "network interfaces of all instances", list_set_cards},
    {"GET", SET "publicipaddresses", network_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/publicIPAddresses/read",
     "public addresses of all instances", list_set_addresses},
    {"GET", SET "virtualMachines/{instance}/networkInterfaces", network_api_versions(),
     "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/read",
     "network interfaces of an instance", list_instance_cards},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/vmSizes",
     compute_api_versions(), "Microsoft.Compute/locations/vmSizes/read", "sizes of machines",
     list_sizes},
    {"GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/usages",
     compute_api_versions(), "Microsoft.Compute/locations/usages/read", "limits and what is used",
     list_usages},
    {"GET", QUOTA "quotas", quota_api_versions(), "Microsoft.Quota/quotas/read", "limits",
     list_quotas},
    {"GET", QUOTA "quotas/{name}", quota_api_versions(), "Microsoft.Quota/quotas/read", "a limit",
     get_quota},
    {"GET", QUOTA "usages", quota_api_versions(), "Microsoft.Quota/usages/read",
     "how much of each limit is used", list_quota_usages},
    {"GET", QUOTA "usages/{name}", quota_api_versions(), "Microsoft.Quota/usages/read",
     "how much of a limit is used", get_quota_usage},
    {"GET",
     "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Compute/galleries/"
     "{gallery}/softDeletedArtifactTypes/{kind}/artifacts/{image}/versions",
     recycling_versions, "", "deleted versions of an image that can be restored", list_recycled},
    {"DELETE",
     "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Compute/galleries/"
     "{gallery}/softDeletedArtifactTypes/{kind}/artifacts/{image}/versions/{version}",
     recycling_versions, "", "deletes one of them for good", delete_recycled},
    {"GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/skus", sku_versions,
     "Microsoft.Compute/skus/read", "sizes of machines and types of disks", list_skus},
    {"POST", "/subscriptions/{subscription}/providers/Microsoft.Storage/checkNameAvailability",
     storage_api_versions(), "Microsoft.Storage/checknameavailability/read",
     "whether a storage account may have a name", check_account_name},
    {"GET", "/subscriptions/{subscription}/providers/Microsoft.Storage/locations/{location}/usages",
     storage_api_versions(), "Microsoft.Storage/locations/usages/read",
     "how many storage accounts there are", list_storage_usages},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGalleries",
     sharing_versions, "Microsoft.Compute/locations/sharedGalleries/read",
     "galleries that are shared with the subscription or its tenant", list_shared_galleries},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGalleries/{gallery}",
     sharing_versions, "Microsoft.Compute/locations/sharedGalleries/read",
     "a gallery that is shared with the subscription or its tenant", get_shared},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGalleries/{gallery}/images",
     sharing_versions, "Microsoft.Compute/locations/sharedGalleries/images/read", "its images",
     list_shared_images},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGalleries/{gallery}/images/{image}",
     sharing_versions, "Microsoft.Compute/locations/sharedGalleries/images/read", "an image of it",
     get_shared},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGalleries/{gallery}/images/{image}/versions",
     sharing_versions, "Microsoft.Compute/locations/sharedGalleries/images/versions/read",
     "its versions", list_shared_versions},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGalleries/{gallery}/images/{image}/versions/{version}",
     sharing_versions, "Microsoft.Compute/locations/sharedGalleries/images/versions/read",
     "a version of it", get_shared},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "communityGalleries/{gallery}",
     sharing_versions, "Microsoft.Compute/locations/communityGalleries/read",
     "a gallery that is shared with everybody", get_community},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "communityGalleries/{gallery}/images",
     sharing_versions, "Microsoft.Compute/locations/communityGalleries/images/read", "its images",
     list_community_images},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "communityGalleries/{gallery}/images/{image}",
     sharing_versions, "Microsoft.Compute/locations/communityGalleries/images/read",
     "an image of it", get_community},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "communityGalleries/{gallery}/images/{image}/versions",
     sharing_versions, "Microsoft.Compute/locations/communityGalleries/images/versions/read",
     "its versions", list_community_versions},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "communityGalleries/{gallery}/images/{image}/versions/{version}",
     sharing_versions, "Microsoft.Compute/locations/communityGalleries/images/versions/read",
     "a version of it", get_community},
    {"POST",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGallerySubscriptions/{shared}/sharedGalleries/{gallery}/accept",
     invite_versions, "Microsoft.Compute/locations/sharedGalleries/accept/action",
     "show again a shared gallery that was rejected", accept_share},
    {"POST",
     "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/"
     "sharedGallerySubscriptions/{shared}/sharedGalleries/{gallery}/reject",
     invite_versions, "Microsoft.Compute/locations/sharedGalleries/reject/action",
     "hide a shared gallery from the subscription", reject_share},
    {"POST",
     "/providers/Microsoft.Compute/locations/{location}/"
     "tenantLevelSharedGallerySubscriptions/{subscription}/sharedGalleries/{gallery}/accept",
     invite_versions, "", "the same, by the tenant's path", accept_tenant_share},
    {"POST",
     "/providers/Microsoft.Compute/locations/{location}/"
     "tenantLevelSharedGallerySubscriptions/{subscription}/sharedGalleries/{gallery}/reject",
     invite_versions, "", "the same, by the tenant's path", reject_tenant_share},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values",
     insights_versions, "Microsoft.Insights/eventtypes/values/read",
     "the activity log: writes, deletes and actions of 90 days", list_activity},
    {"GET", "/providers/Microsoft.Insights/eventtypes/management/values", insights_versions, "",
     "the activity log of management groups and the tenant's root", list_tenant_activity},
    {"GET", "/subscriptions/{subscription}/providers/Microsoft.Consumption/usageDetails",
     consumption_api_versions(), usage_right, "what image versions cost, by the day",
     list_usage_details},
    {"GET",
     "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Consumption/"
     "usageDetails",
     consumption_api_versions(), usage_right, "the same of a group", list_usage_details},
    {"GET",
     "/subscriptions/{subscription}/providers/Microsoft.Billing/billingPeriods/{period}/providers/"
     "Microsoft.Consumption/usageDetails",
     consumption_api_versions(), usage_right, "the same of a calendar month", list_usage_details},
    {"GET", "/providers/Microsoft.Compute/galleries", galleries_versions, "",
     "galleries of all subscriptions of the tenant", list_all_galleries},
    {"POST", "/providers/Microsoft.ResourceGraph/resources", graph_versions, "",
     "queries over all subscriptions", query_resource_graph},
    {"GET", "/providers/Microsoft.Management/managementGroups", management_versions, "",
     "management groups", list_management_groups},
    {"GET", "/providers/Microsoft.Management/managementGroups/{group}", management_versions,
     "Microsoft.Management/managementGroups/read", "one, with $expand=children",
     get_management_group},
    {"PUT", "/providers/Microsoft.Management/managementGroups/{group}", management_versions, "",
     "create, rename or move", put_management_group},
    {"DELETE", "/providers/Microsoft.Management/managementGroups/{group}", management_versions,
     "Microsoft.Management/managementGroups/delete", "an empty one", delete_management_group},
    {"PUT", "/providers/Microsoft.Management/managementGroups/{group}/subscriptions/{subscription}",
     management_versions, "Microsoft.Management/managementGroups/subscriptions/write",
     "move a subscription into it", add_to_management_group},
    {"DELETE",
     "/providers/Microsoft.Management/managementGroups/{group}/subscriptions/{subscription}",
     management_versions, "Microsoft.Management/managementGroups/subscriptions/delete",
     "move a subscription back to the root", take_from_management_group},
};

#undef SET
#undef QUOTA

constexpr std::string_view known_namespaces[] = {
    "Microsoft.Authorization", "Microsoft.Compute",       "Microsoft.Consumption",
    "Microsoft.Insights",      "Microsoft.Management",    "Microsoft.Network",
    "Microsoft.Quota",         "Microsoft.ResourceGraph", "Microsoft.Resources",
    "Microsoft.Storage"};

}  // namespace

std::span<const ResourceType> types() {
  static const ResourceType rows[] = {
      galleries,        image_definitions, image_versions,        disks,      snapshots,
      virtual_machines, managed_images,    virtual_networks,      subnets,    network_interfaces,
      public_addresses, security_groups,   security_rules,        scale_sets, scale_set_instances,
      storage_accounts, template_specs,    template_spec_versions};
  return rows;
}

std::span<const Route> routes() {
  return platform;
}

std::span<const Extension> extensions() {
  static const Extension rows[] = {role_assignments, role_definitions,       locks, permissions,
                                   deny_assignments, classic_administrators, tags};
  return rows;
}

std::span<const std::string_view> namespaces() {
  return known_namespaces;
}

const ResourceType* find_type(std::string_view provider, std::string_view type) {
  for (const ResourceType& row : types()) {
    if (iequals(row.provider, provider) && iequals(row.type, type)) return &row;
  }
  return nullptr;
}

}  // namespace pinaco::provider
