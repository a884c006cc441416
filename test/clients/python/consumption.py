"""The SDK reads what images cost. Usage: consumption.py CREDENTIALS"""
import json
import sys

from azure.identity import ClientSecretCredential
from azure.mgmt.consumption import ConsumptionManagementClient

with open(sys.argv[1], encoding="utf-8") as file:
    made = json.load(file)
url, subscription = made["endpoint"], made["subscription"]
credential = ClientSecretCredential(made["tenant"], made["clientId"], made["clientSecret"],
                                    authority=url, instance_discovery=False)
client = ConsumptionManagementClient(credential, subscription, base_url=url,
                                     credential_scopes=[url + "/.default"])


def step(what, value, wanted):
    if value != wanted:
        sys.exit(f"{what}: {value!r}, not {wanted!r}")
    print(f"ok: python {what}")


scope = f"/subscriptions/{subscription}"
rows = list(client.usage_details.list(scope, expand="meterDetails"))
step("usage_details.list", [each.kind for each in rows], ["legacy"] * 3)
step("their resources", {each.resource_name for each in rows}, {"golden/debian/1.0.0"})
step("their units", {each.meter_details.unit_of_measure for each in rows},
     {"1 GiB/Month", "1 GiB"})
step("their costs", all(each.cost >= 0 and each.quantity >= 0 for each in rows), True)
paged = client.usage_details.list(scope, top=1).by_page()
step("pages", [len(list(page)) for page in paged], [1, 1, 1])
