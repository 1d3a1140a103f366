"""What columns, event types and files are called in shops: the names a proposal knows, best first."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "CURRENCIES",
    "FILE_WORDS",
    "KINDS",
    "LOST_STATUSES",
    "MEANING_WORDS",
    "NAMES",
    "NOT_THESE",
    "OWN_DOINGS",
    "PURCHASES",
    "is_named_like_an_id",
    "strength",
    "these",
    "words",
]


def these(words_of_a_kind: str) -> frozenset[str]:
    """Take a text of words as their set.

    >>> sorted(these("open opened"))
    ['open', 'opened']
    """
    return frozenset(words_of_a_kind.split())


_CUSTOMER = (
    "customer_unique_id customer_id customer_no customer_number customer_key customer_code customer cust_id cust_no "
    "cust client_id client_no client_key client user_id user_no user_key user visitor_id "
    "member_id member_no member_key member account_id account_no account_key account "
    "buyer_id shopper_id subscriber_id person_id profile_id contact_id household_key household_id donor_id guest_id "
    "passenger_id card_id card_no cid uid customer_email email"
)
_INSTANT = "datetime date_time timestamp date time day ts dt created_at created"

#: By table and column (or by column, where tables agree): names in snake_case, the surest first.
NAMES: dict[str, tuple[str, ...]] = {
    role: tuple(names.split())
    for role, names in {
        "customer_id": _CUSTOMER,
        "customers.customer_id": f"{_CUSTOMER} id",
        "ordered_at": "ordered_at order_purchase_timestamp order_datetime order_timestamp order_time order_date "
        "ordered_on invoice_datetime invoice_date purchased_at purchase_datetime purchase_date transaction_datetime "
        "transaction_timestamp transaction_time transaction_date trans_time trans_date txn_time txn_date sold_at "
        "sale_date sales_date receipt_date bill_date booking_date checkout_at paid_at payment_date donation_date "
        f"gift_date event_time {_INSTANT}",
        "amount": "amount net_amount total_amount order_amount order_total order_value total_value line_total "
        "line_amount line_value extended_price total_price total sales_amount sale_amount sales_value sales sale "
        "net_sales total_sales revenue net_revenue turnover price_paid amount_paid paid payment_value payment_amount "
        "payment transaction_amount transaction_value trans_amount tran_amount txn_amount invoice_amount "
        "invoice_total gross_amount gross_sales subtotal spend spent donation_amount donation gift_amount monetary "
        "value",
        "unit_price": "unit_price price_per_unit item_price price_each sell_price selling_price sales_price "
        "product_price list_price price",
        "order_id": "order_id order_no order_number order_key order_code order invoice_no invoice_id invoice_number "
        "invoice transaction_id transaction_no trans_id txn_id basket_id basket receipt_id receipt_no receipt bill_no "
        "bill_id booking_id purchase_id sale_id checkout_id document_no",
        "product_id": "product_id product_code product_no product_key product_sku sku stock_code item_id item_code "
        "item_no article_id article_no article variant_id asin ean upc isbn product item",
        "category": "category product_category category_name category_code main_category department_name department "
        "dept product_type product_group product_line commodity_desc sub_category",
        "quantity": "quantity qty order_quantity quantity_ordered item_quantity units units_sold unit_count items "
        "item_count pieces pcs",
        "discount": "discount discount_amount discount_value total_discount rebate coupon_discount voucher_amount",
        "channel": "channel sales_channel order_channel marketing_channel utm_medium medium utm_source source platform",
        "is_return": "is_return is_returned returned is_refund is_refunded refunded is_cancelled is_canceled "
        "cancelled canceled return refund",
        "status": "status order_status transaction_status payment_status state_of_order",
        "loaded_at": "loaded_at ingested_at inserted_at etl_loaded_at etl_timestamp load_timestamp load_date",
        "occurred_at": "occurred_at event_time event_timestamp event_datetime event_date happened_at activity_date "
        f"visited_at visit_time visit_date session_start started_at logged_at {_INSTANT}",
        "event_type": "event_type event_name event event_category activity_type activity action_type action "
        "interaction_type interaction behaviour behavior type",
        "value": "value event_value score rating stars satisfaction nps",
        "campaign": "campaign campaign_name campaign_id campaign_code utm_campaign mailing newsletter promotion",
        "duration_seconds": "duration_seconds duration_s duration_sec duration session_duration time_on_site seconds",
        "email": "email e_mail email_address mail_address",
        "phone": "phone phone_number phone_no mobile mobile_number telephone tel cell_phone",
        "country": "country country_code country_name nation",
        "created_at": "created_at created_on created date_created creation_date signup_at signup_date sign_up_date "
        "signed_up_at registered_at registered_on registration_date join_date joined_at joined member_since "
        "customer_since first_seen first_seen_at account_created",
        "may_contact": "may_contact marketing_consent accepts_marketing consent opt_in opted_in optin marketing_opt_in "
        "contactable subscribed newsletter_subscribed newsletter",
        "may_profile": "may_profile profiling_consent consent_profiling",
        "contacted_at": "contacted_at contacted_on contact_date contact_time sent_at sent_on send_date send_time "
        f"date_sent mailed_at mailing_date delivered_at sent {_INSTANT}",
        "arm": "arm test_group control_group experiment_group treatment_group variant treatment group assignment cell",
        "cost": "cost contact_cost unit_cost costs",
        "spent_on": f"spent_on spend_date cost_date report_date {_INSTANT}",
        "spend.amount": "spend ad_spend media_spend marketing_spend amount_spent spent cost "
        "ad_cost costs budget amount",
    }.items()
}

#: What a column must hold to be taken for one: an id, an instant, a number, a yes or no, or a word of few.
KINDS = (
    dict.fromkeys(("customer_id", "order_id", "product_id", "email", "phone"), "id")
    | dict.fromkeys(("ordered_at", "occurred_at", "created_at", "contacted_at", "spent_on", "loaded_at"), "instant")
    | dict.fromkeys(("amount", "unit_price", "quantity", "discount", "value", "duration_seconds", "cost"), "number")
    | dict.fromkeys(("is_return", "may_contact", "may_profile"), "claim")
    | dict.fromkeys(("category", "channel", "event_type", "campaign", "country", "arm", "status"), "word")
)

#: Words in a column's name that say it is something else, though it ends like a known name.
NOT_THESE: dict[str, frozenset[str]] = {
    "instant": these(
        "birth birthday dob due ship shipped shipping shipment delivery delivered estimated expiry expires expected "
        "updated modified changed deleted cancelled end ended last required approved carrier limit"
    ),
    "number": these("tax vat shipping freight fee tip id no code percent pct rate share count points margin cost"),
    "claim": these("date at reason"),
    "word": these("id"),
    "id": these("name count parent"),
}

#: Words in a file's name that tell which table it is.
FILE_WORDS = {
    "orders": these("order orders sale sales transaction transactions invoice invoices purchase purchases"),
    "events": these("event events click clicks visit visits session sessions log logs activity"),
    "customers": these("customer customers user users member members client clients crm people"),
    "contacts": these("contact contacts mailing mailings campaign campaigns sends"),
    "spend": these("spend spending cost costs ads budget"),
}

#: What event types mean to the features, by the words they are made of.
MEANING_WORDS = {
    "visit": "visit pageview page_view view session session_start screen_view login product_view",
    "email_open": "email_open email_opened open opened mail_open newsletter_open",
    "email_click": "email_click email_clicked click clicked mail_click newsletter_click",
    "ticket": "ticket ticket_created support_ticket complaint support_request case",
    "satisfaction": "satisfaction csat nps survey survey_response",
    "review": "review rating product_review",
    "referral": "referral refer_a_friend invite invited",
    "lead": "lead lead_created enquiry inquiry quote_request",
    "first_response": "first_response first_reply lead_response",
    "redemption": "redemption redeem redeemed coupon_redeemed voucher_redeemed reward_redeemed",
}

#: Event types that are orders.
PURCHASES = these("purchase order transaction sale checkout_completed order_completed order_placed buy")

#: Event types by which members of a community, readers or players take part: their way of coming back.
OWN_DOINGS = these(
    "question answer comment post reply message upload publish listen play watch stream read booking donation ride "
    "workout lesson visit session login"
)

#: What an order's status says when nothing came of it.
LOST_STATUSES = these("cancelled canceled failed declined void voided rejected expired unavailable fraud")

CURRENCIES = these("usd eur gbp chf cad aud sek nok dkk pln jpy cny inr brl")
_UNITS = CURRENCIES | these("utc gmt local euro euros dollars pounds cents pence minor")
_ID_WORDS = these("id ids no nr num number key code sku zip postcode")


def words(name: str) -> tuple[str, ...]:
    """Take a name apart, however it is joined.

    >>> words("CustomerID"), words("Unit Price (EUR)"), words("order_purchase_timestamp")
    (('customer', 'id'), ('unit', 'price', 'eur'), ('order', 'purchase', 'timestamp'))
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return tuple(word for word in re.split(r"[\W_]+", parted.lower()) if word)


def strength(name: str, known: Iterable[str], not_these: frozenset[str] = frozenset()) -> float:
    """Say how surely a column of this name is what the known names call: 1 for the surest, 0 for not at all.

    Units and numbers at the end do not count; a name that only ends in a known one is half as sure.

    >>> [round(strength(name, ("order_date", "date")), 2) for name in ("OrderDate", "date_utc", "sell date", "update")]
    [1.0, 1.0, 0.5, 0.0]
    """
    found = words(name)
    while len(found) > 1 and (found[-1] in _UNITS or found[-1].isdigit()):
        found = found[:-1]
    whole, ends = "".join(found), {"_".join(found[at:]) for at in range(1, len(found))}
    for place, candidate in enumerate(known):
        if whole == candidate.replace("_", ""):
            return 1 - place / 1000
    if not_these & set(found):
        return 0.0
    return max((0.5 - place / 1000 for place, candidate in enumerate(known) if candidate in ends), default=0.0)


def is_named_like_an_id(name: str) -> bool:
    """Say whether a name ends as those of ids do.

    >>> is_named_like_an_id("object_id"), is_named_like_an_id("paid")
    (True, False)
    """
    return words(name)[-1:] != () and words(name)[-1] in _ID_WORDS
