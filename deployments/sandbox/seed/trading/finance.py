"""What each company sets up before it trades: payment days, schedules and terms, groups, methods of payment, tax."""

from __future__ import annotations

from decimal import Decimal

from deployments.sandbox.seed.trading.group import Company, Row

DAYS = {"MONTHEND": "Last day of the month", "15TH": "The fifteenth", "FRIDAYS": "Every Friday"}
DAY_LINES: tuple[tuple[str, Row], ...] = (
    ("MONTHEND", {"Frequency": "Month", "DayOfMonth": 31}),
    ("15TH", {"Frequency": "Month", "DayOfMonth": 15}),
    ("15TH", {"Frequency": "Month", "DayOfMonth": 30}),
    ("FRIDAYS", {"Frequency": "Week", "DayOfWeek": "Friday"}),
)
SCHEDULES: dict[str, Row] = {
    "2 parts": {"AllocationMethod": "NumOfPayment", "PaymentFrequencyUnits": "Month", "NumberOfPayments": 2},
    "Quarterly": {
        "AllocationMethod": "NumOfPayment",
        "PaymentFrequencyUnits": "Month",
        "PaymentFrequency": 3,
    },
    "500 a month": {
        "AllocationMethod": "AmountByPayment",
        "PaymentFrequencyUnits": "Month",
        "FixedPaymentAmount": Decimal("500.00"),
        "MinimumPaymentAmount": Decimal("50.00"),
    },
    "30/30/40": {"AllocationMethod": "Specified", "PaymentFrequencyUnits": "Day", "PaymentFrequency": 30},
}
SCHEDULE_LINES = (("30/30/40", (30, 30, 40)), ("2 parts", (50, 50)))
TERMS: dict[str, Row] = {
    "Cash": {"IsCashPayment": "Yes"},
    "COD": {"PaymentMethodType": "COD"},
    "Net7": {"NumberOfDays": 7},
    "Net10": {"NumberOfDays": 10},
    "Net14": {"NumberOfDays": 14},
    "Net30": {"NumberOfDays": 30, "IsDefaultPaymentTerm": "Yes"},
    "Net45": {"NumberOfDays": 45},
    "Net60": {"NumberOfDays": 60},
    "M+1": {"PaymentMethodType": "CurrentMth", "NumberOfMonths": 1},
    "M 15": {"PaymentMethodType": "CurrentMth", "PaymentDayName": "15TH"},
    "Parts": {"PaymentScheduleName": "2 parts"},
    "30/30/40": {"PaymentScheduleName": "30/30/40"},
    "Card": {"CreditCardPaymentType": "CreditCard"},
}
CUSTOMER_GROUPS = {
    "10": ("Wholesale", "Net30"),
    "20": ("Retail", "Net14"),
    "30": ("Online", "Card"),
    "40": ("Public sector", "Net60"),
    "80": ("Other companies of the group", "M+1"),
    "EU/EXPORT": ("Export within the EU", "Net45"),
    "R&D #1": ("Samples & trials", "Cash"),
}
VENDOR_GROUPS = {
    "10": ("Goods for resale", "Net30"),
    "20": ("Services", "Net14"),
    "30": ("Freight & customs", "Net7"),
    "40": ("One-off vendors", "Cash"),
    "80": ("Other companies of the group", "M+1"),
}
METHODS: dict[str, Row] = {
    "CASH": {"PaymentType": "Other", "Description": "Cash"},
    "CHECK": {"PaymentType": "Check", "Description": "Check"},
    "TRANSFER": {"PaymentType": "ElectronicPayment", "Description": "Bank transfer"},
    "SEPA DD": {"PaymentType": "ElectronicPayment", "Description": "SEPA direct debit"},
    "CARD": {"PaymentType": "Other", "Description": "Credit card"},
}
TAX_GROUPS = {"DOM": "Domestic", "EU": "Within the EU", "EXP": "Export", "EXEMPT": "Exempt"}
ITEM_TAX_GROUPS = {"FULL": "Full rate", "RED": "Reduced rate", "ZERO": "Zero rate"}


def of_company(company: Company) -> list[tuple[str, list[Row]]]:
    """Sets and rows of one company, parents first."""
    own = {"dataAreaId": company.code}
    return [
        ("PaymentDaysCds", [{**own, "Name": name, "Description": text} for name, text in DAYS.items()]),
        ("PaymentDayLinesCdsV2", _numbered(own, "Name", DAY_LINES)),
        (
            "PaymentSchedules",
            [{**own, "Name": name, "Description": f"Pay {name}", **rest} for name, rest in SCHEDULES.items()],
        ),
        (
            "PaymentScheduleLines",
            _numbered(
                own,
                "PaymentScheduleName",
                tuple(
                    (
                        name,
                        {
                            "PeriodsAfterDueDate": index,
                            "PercentOrAmount": "Percent",
                            "PercentOrAmountValue": share,
                        },
                    )
                    for name, shares in SCHEDULE_LINES
                    for index, share in enumerate(shares)
                ),
            ),
        ),
        (
            "PaymentTerms",
            [{**own, "Name": name, "Description": _term(name), **rest} for name, rest in TERMS.items()],
        ),
        (
            "CustomerGroups",
            [
                {**own, "CustomerGroupId": name, "Description": text, "PaymentTermId": term}
                for name, (text, term) in CUSTOMER_GROUPS.items()
            ],
        ),
        (
            "VendorGroups",
            [
                {**own, "VendorGroupId": name, "Description": text, "DefaultPaymentTermName": term}
                for name, (text, term) in VENDOR_GROUPS.items()
            ],
        ),
        (
            "CustomerPaymentMethods",
            [{**own, "Name": name, **rest, "AccountType": "Bank"} for name, rest in METHODS.items()],
        ),
        (
            "VendorPaymentMethods",
            [{**own, "Name": name, "Description": rest["Description"]} for name, rest in METHODS.items()],
        ),
        (
            "TaxGroups",
            [{**own, "TaxGroupCode": name, "Description": text} for name, text in TAX_GROUPS.items()],
        ),
        (
            "TaxItemGroupHeadings",
            [{**own, "TaxItemGroup": name, "Name": text} for name, text in ITEM_TAX_GROUPS.items()],
        ),
    ]


def _numbered(own: Row, parent: str, lines: tuple[tuple[str, Row], ...]) -> list[Row]:
    """Lines numbered within their parent."""
    numbers: dict[str, int] = {}
    rows = []
    for name, rest in lines:
        numbers[name] = numbers.get(name, 0) + 1
        rows.append({**own, parent: name, "LineNumber": numbers[name], **rest})
    return rows


def _term(name: str) -> str:
    return f"Within {name[3:]} days" if name.startswith("Net") else f"Payment term {name}"
