// The built-in roles, with the ids and actions of Azure's documentation. Those that clients of a
// gallery name are here; a role that is missing can be made as a custom one.
#include "access/rules.h"

namespace pinaco::access {

std::span<const RoleDefinition> built_in_roles() {
  static const std::vector<RoleDefinition> roles = [] {
    std::vector<RoleDefinition> all;
    const auto add = [&](std::string id, std::string name, std::string description,
                         Permission permission) {
      all.push_back(RoleDefinition{.id = std::move(id),
                                   .name = std::move(name),
                                   .description = std::move(description),
                                   .permissions = {std::move(permission)},
                                   .assignable_scopes = {"/"}});
    };
    add(std::string(owner_role), "Owner",
        "Grants full access to manage all resources, including the ability to assign roles.",
        {.actions = {"*"}});
    add("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor",
        "Grants full access to manage all resources, but does not allow you to assign roles or "
        "share image galleries.",
        {.actions = {"*"},
         .not_actions = {"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write",
                         "Microsoft.Authorization/elevateAccess/Action",
                         "Microsoft.Blueprint/blueprintAssignments/write",
                         "Microsoft.Blueprint/blueprintAssignments/delete",
                         "Microsoft.Compute/galleries/share/action",
                         "Microsoft.Purview/consents/write", "Microsoft.Purview/consents/delete",
                         "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
                         "Microsoft.Subscription/cancel/action",
                         "Microsoft.Subscription/enable/action"}});
    add("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader",
        "View all resources, but does not allow you to make any changes.", {.actions = {"*/read"}});
    add("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator",
        "Lets you manage user access to resources.",
        {.actions = {"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"}});
    add("f58310d9-a9f6-439a-9e8d-f62e7b41a168", "Role Based Access Control Administrator",
        "Manage access to resources by assigning roles.",
        {.actions = {"Microsoft.Authorization/roleAssignments/write",
                     "Microsoft.Authorization/roleAssignments/delete", "*/read",
                     "Microsoft.Support/*"}});
    add("1ef6a3be-d0ac-425d-8c01-acb62866290b", "Compute Gallery Sharing Admin",
        "Allows sharing a gallery with another subscription or tenant, or with everyone.",
        {.actions = {"Microsoft.Compute/galleries/share/action"}});
    add("72fafb9e-0641-4937-9268-a91bfd8191a3", "Cost Management Reader",
        "Can view cost data and configuration (e.g. budgets, exports).",
        {.actions = {
             "Microsoft.Consumption/*/read", "Microsoft.CostManagement/*/read",
             "Microsoft.Billing/billingPeriods/read", "Microsoft.Resources/subscriptions/read",
             "Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Support/*",
             "Microsoft.Advisor/configurations/read", "Microsoft.Advisor/recommendations/read",
             "Microsoft.Management/managementGroups/read"}});
    add("cf7c76d2-98a3-4358-a134-615aa78bf44d", "Compute Gallery Image Reader",
        "Allows reading gallery images.",
        {.actions = {"Microsoft.Compute/galleries/images/read",
                     "Microsoft.Compute/galleries/images/versions/read"}});
    add("85a2d0d9-2eba-4c9c-b355-11c2cc0788ab", "Compute Gallery Artifacts Publisher",
        "Allows publishing gallery artifacts.",
        {.actions = {"Microsoft.Compute/galleries/*",
                     "Microsoft.Compute/locations/capsOperations/read",
                     "Microsoft.Compute/locations/communityGalleries/*",
                     "Microsoft.Compute/locations/sharedGalleries/*", "Microsoft.Compute/images/*",
                     "Microsoft.Compute/virtualMachines/write", "Microsoft.Compute/disks/write",
                     "Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*",
                     "Microsoft.Resources/deployments/*",
                     "Microsoft.Resources/subscriptions/resourceGroups/read"},
         .not_actions = {"Microsoft.Compute/galleries/share/action"}});
    add("9980e02c-c2be-4d73-94e8-173b1dc7cf3c", "Virtual Machine Contributor",
        "Create and manage virtual machines, manage disks, but not access to them.",
        {.actions = {"Microsoft.Authorization/*/read",
                     "Microsoft.Compute/availabilitySets/*",
                     "Microsoft.Compute/locations/*",
                     "Microsoft.Compute/virtualMachines/*",
                     "Microsoft.Compute/virtualMachineScaleSets/*",
                     "Microsoft.Compute/disks/write",
                     "Microsoft.Compute/disks/read",
                     "Microsoft.Compute/disks/delete",
                     "Microsoft.Insights/alertRules/*",
                     "Microsoft.Network/networkInterfaces/*",
                     "Microsoft.Network/networkSecurityGroups/join/action",
                     "Microsoft.Network/networkSecurityGroups/read",
                     "Microsoft.Network/publicIPAddresses/join/action",
                     "Microsoft.Network/publicIPAddresses/read",
                     "Microsoft.Network/virtualNetworks/read",
                     "Microsoft.Network/virtualNetworks/subnets/join/action",
                     "Microsoft.Resources/deployments/*",
                     "Microsoft.Resources/subscriptions/resourceGroups/read",
                     "Microsoft.Storage/storageAccounts/listKeys/action",
                     "Microsoft.Storage/storageAccounts/read",
                     "Microsoft.Support/*"}});
    add("4a9ae827-6dc8-4573-8ac7-8239d42aa03f", "Tag Contributor",
        "Lets you manage tags on entities, without providing access to the entities themselves.",
        {.actions = {"Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*",
                     "Microsoft.Resources/deployments/*",
                     "Microsoft.Resources/subscriptions/resourceGroups/read",
                     "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
                     "Microsoft.Resources/subscriptions/resources/read",
                     "Microsoft.Resources/tags/*", "Microsoft.Support/*"}});
    add("17d1049b-9a84-46fb-8f53-869881c3d3ab", "Storage Account Contributor",
        "Lets you manage storage accounts, including accessing storage account keys which provide "
        "full access to storage account data.",
        {.actions = {"Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*",
                     "Microsoft.Insights/diagnosticSettings/*",
                     "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
                     "Microsoft.ResourceHealth/availabilityStatuses/read",
                     "Microsoft.Resources/deployments/*",
                     "Microsoft.Resources/subscriptions/resourceGroups/read",
                     "Microsoft.Storage/storageAccounts/*", "Microsoft.Support/*"}});
    add("81a9662b-bebf-436f-a333-f67b29880f12", "Storage Account Key Operator Service Role",
        "Storage Account Key Operators are allowed to list and regenerate keys on Storage Accounts",
        {.actions = {"Microsoft.Storage/storageAccounts/listkeys/action",
                     "Microsoft.Storage/storageAccounts/regeneratekey/action"}});
    add("7efff54f-a5b4-42b5-a1c5-5411624893ce", "Disk Snapshot Contributor",
        "Create and delete snapshots, and read disks.",
        {.actions = {"Microsoft.Authorization/*/read",
                     "Microsoft.Resources/subscriptions/resourceGroups/read",
                     "Microsoft.Compute/snapshots/write", "Microsoft.Compute/snapshots/read",
                     "Microsoft.Compute/snapshots/delete",
                     "Microsoft.Compute/snapshots/beginGetAccess/action",
                     "Microsoft.Compute/snapshots/endGetAccess/action",
                     "Microsoft.Compute/disks/beginGetAccess/action",
                     "Microsoft.Compute/disks/read"}});
    add("959f8984-c045-4866-89c7-12bf9737be2e", "Data Operator for Managed Disks",
        "Provides permissions to upload data to empty managed disks, read, or export data of "
        "managed disks and snapshots.",
        {.actions = {},
         .data_actions = {"Microsoft.Compute/disks/download/action",
                          "Microsoft.Compute/disks/upload/action",
                          "Microsoft.Compute/snapshots/download/action",
                          "Microsoft.Compute/snapshots/upload/action"}});
    return all;
  }();
  return roles;
}

}  // namespace pinaco::access
