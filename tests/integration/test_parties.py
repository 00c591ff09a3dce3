"""The party model: a customer made in Dataverse without a party gets the one that F&O founds for it."""

from __future__ import annotations

from mappings.catalogue import Catalogue
from tests.integration.conftest import Install
from tests.integration.installation import ACCOUNTS, failed
from tests.integration.special import one
from tests.integration.trading import account, company_ids, customer_binds
from tests.local_services import Services


def test_the_party_that_f_and_o_founds_for_a_customer_of_dataverse_comes_back(
    trade: Services, install: Install
) -> None:
    party_form = Catalogue.load(form="party")
    maps = party_form.related([ACCOUNTS], deferred=True)
    installation = install(catalogue=party_form, maps=maps, companies=("usmf",))
    assert not failed(installation.initial())
    trade.load(
        "dataverse", "accounts", [account("usmf", "SALES1", **customer_binds(company_ids(trade)["usmf"]))]
    )

    installation.settle()

    made = next(row for row in trade.dump("fno", "CustomersV3") if row["CustomerAccount"] == "SALES1")
    party = one(trade, "msdyn_parties", msdyn_partynumber=made["PartyNumber"])
    sold_to = one(trade, "accounts", accountnumber="SALES1")
    assert sold_to["_msdyn_partyid_value"] == party["msdyn_partyid"]
    assert installation.waiting() == []
    installation.at_rest()
