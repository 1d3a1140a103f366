"""What an export asks of the whole programme, and what its list promises."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import yaml

from clm_ml.artifacts import new_box, open_box
from clm_ml.campaign import CONTACT, HOLDOUT, UNIVERSAL, open_ledger, place_of
from clm_ml.config import UpliftPlan, load_config
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import playbook
from clm_ml.measuring import smallest_detectable_rise
from clm_ml.pipeline import customer, export, listing, rank
from clm_ml.pipeline.favourites import find_favourite_categories
from clm_ml.pipeline.programme import find_fatigued, find_held_back
from clm_ml.pipeline.promising import promise, smallest_share
from clm_ml.pipeline.reading import find_reading, reading_of
from clm_ml.plots import plot_list
from clm_ml.ranking import Permits, Ranked
from clm_ml.tables import read_tables
from clm_ml.timeline import parse_day
from clm_ml.uplift import BOX_KIND, Gate, learn_uplift, save_uplift
from tests.test_campaign import assigned
from tests.test_delivering import DAY, draw_people, draw_scores, draw_shop, run


@dataclass(frozen=True)
class Drawn:
    """A shop whose scores are drawn, with another list plan at each export."""

    folder: object

    def config(self, **plan):
        path = self.folder / "clm.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content |= {"destinations": ["table", "braze"], "list": {"holdout_share": 0.25, **plan}}
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return load_config(path)

    def export(self, campaign, name, day=DAY, **plan):
        scores = self.folder / f"scores-{day}"
        if not scores.exists():
            draw_scores(sorted(draw_people(count=60)["customer_id"]), scores, day)
        return export(self.config(**plan), scores, campaign, self.folder / name)

    def ledger(self, campaign):
        with open_ledger(self.folder / "ledger.db", only_look=True) as ledger:
            return ledger.assignments(campaign).set_index("customer_id")


@pytest.fixture
def shop(tmp_path):
    draw_shop(tmp_path, draw_people(count=60))
    return Drawn(tmp_path)


def everybody(exported):
    """Read who is in any file of a box but those of who has left."""
    files = [path for path in exported.box.rglob("*.csv") if not path.name.startswith("left")]
    return {cell for path in files for row in csv.reader(path.read_text("utf-8-sig").splitlines()) for cell in row}


class TestUniversalHoldout:
    def test_they_are_in_no_file_of_any_campaign_and_the_ledger_has_both_arms(self, shop):
        held = {name for name in draw_people(count=60)["customer_id"] if place_of(UNIVERSAL, name) < 0.3}
        autumn = shop.export("autumn", "autumn", universal_holdout_share=0.3, budget=20.0)
        assert not everybody(autumn) & held
        assert autumn.listed.dropped["universal holdout"] == len(held)
        rows = shop.ledger(UNIVERSAL)
        assert set(rows.index[rows["arm"] == HOLDOUT]) == held
        assert len(rows) == 60, "those beyond the budget are in the programme too"
        assert set(rows["share"]) == {0.3}
        assert set(rows["horizon_days"]) == {365}
        assert set(rows["delete_after"]) == {"2027-12-31"}  # 730 days after the first list

    def test_exporting_again_and_changing_the_share_move_nobody(self, shop):
        shop.export("autumn", "first", universal_holdout_share=0.3, budget=20.0)
        before, arms = shop.ledger(UNIVERSAL), shop.ledger("autumn")["arm"]
        held = set(before.index[before["arm"] == HOLDOUT])
        for number, share in enumerate((0.3, 0.6, 0.0)):
            again = shop.export("autumn", f"again {number}", universal_holdout_share=share, budget=60.0)
            assert not everybody(again) & held
            assert again.listed.dropped["universal holdout"] == len(held), "nor is anybody held back who was not"
            pd.testing.assert_frame_equal(shop.ledger(UNIVERSAL), before)
            assert shop.ledger("autumn")["arm"].loc[arms.index].equals(arms)

    def test_members_from_before_there_was_one_are_not_drawn(self, shop):
        first = shop.export("autumn", "first", budget=20.0)
        members = {*first.listed.contact["customer_id"], *first.listed.holdout["customer_id"]}
        assert len(members) == 20
        again = shop.export("autumn", "again", budget=40.0, universal_holdout_share=0.5)
        assert members <= everybody(again) | set(again.listed.holdout["customer_id"])
        assert not members & set(shop.ledger(UNIVERSAL).index)

    def test_without_a_share_nobody_is_recorded(self, shop):
        shop.export("autumn", "list")
        assert shop.ledger(UNIVERSAL).empty

    def test_its_name_is_no_campaigns(self, shop):
        with pytest.raises(Exception, match="whole programme"):
            shop.export("universal", "list")

    def test_nobody_is_held_back_where_there_is_none(self, shop):
        with open_ledger(shop.folder / "ledger.db", only_look=True) as ledger:
            assert find_held_back(ledger, shop.config().list) is None


class TestFatigue:
    def test_contacted_customers_rest_and_held_out_ones_do_not(self, shop):
        config = shop.config()
        with open_ledger(shop.folder / "ledger.db") as ledger:
            ledger.record(assigned({"c000": CONTACT, "c001": HOLDOUT}, "short", sent_on="2025-12-10", horizon_days=7))
            for number, day in enumerate(("2025-10-10", "2025-11-01", "2025-11-20")):
                ledger.record(assigned({"c002": CONTACT}, f"often {number}", sent_on=day, horizon_days=7))
            assert find_fatigued(ledger, config.list, "autumn", DAY) == {"c000", "c002"}
            loose = config.list.model_copy(update={"min_gap_days": 0})
            assert find_fatigued(ledger, loose, "autumn", DAY) == {"c002"}
        listed = shop.export("autumn", "list").listed
        assert listed.dropped["fatigued"] == 2
        assert "c001" in {*listed.contact["customer_id"], *listed.holdout["customer_id"]}

    def test_the_customer_view_says_so(self, shop):
        with open_ledger(shop.folder / "ledger.db") as ledger:
            ledger.record(assigned({"c000": CONTACT}, "short", sent_on="2025-12-10", horizon_days=7))
            ledger.record(assigned({"c001": HOLDOUT}, UNIVERSAL, rank=0, sent_on="2025-12-10", horizon_days=365))
        tired, held = (customer(shop.config(), name, as_of=DAY) for name in ("c000", "c001"))
        assert tired.permission.forbids == ("was contacted too lately, or too often",)
        assert held.permission.forbids == ("is in the universal holdout, which no campaign contacts",)
        assert ("2025-12-10", "universal", "holdout", "programme", "judged until 2026-12-10") in [
            row for part in held.parts() if part.title == "Campaigns" for row in part.rows
        ]


class TestComparedPlays:
    def test_each_of_two_plays_goes_to_half_of_those_to_contact_and_the_ledger_knows_which(self, shop):
        done = shop.export("autumn", "autumn", compare_plays=2, budget=20.0)
        rows, told = shop.ledger("autumn"), playbook()
        sent = rows[rows["arm"] == CONTACT]
        assert abs((sent["play"] == 1).sum() - (sent["play"] == 2).sum()) <= sent["stratum"].nunique()
        assert set(rows.loc[rows["arm"] == HOLDOUT, "play"]) == {1}
        listed = done.listed.contact.set_index("customer_id")
        said = [told[segment].plays[rows.loc[name, "play"] - 1] for name, segment in listed["segment"].items()]
        assert listed["play"].tolist() == said
        assert set(sent["play"]) == {1, 2}

    def test_exporting_again_moves_nobody_to_another_play(self, shop):
        shop.export("autumn", "first", compare_plays=2, budget=12.0)
        before = shop.ledger("autumn")["play"]
        again = shop.export("autumn", "second", compare_plays=3, budget=30.0)
        after = shop.ledger("autumn")["play"]
        assert len(after) > len(before)
        assert after[before.index].equals(before)
        assert (
            rank(
                pd.read_parquet(shop.folder / f"scores-{DAY}/scores.parquet"),
                read_tables(load_config(shop.folder / "clm.yaml")),
                load_config(shop.folder / "clm.yaml"),
                "autumn",
            )
            .contact["play"]
            .equals(again.listed.contact["play"])
        )

    @pytest.mark.parametrize("segment", ["vip", None])
    def test_a_segment_that_the_config_does_not_know_is_refused(self, shop, segment):
        customers = pd.DataFrame({"customer_id": ["a", "b"], "segment": ["at_risk", segment]})
        ranked = Ranked(customers, {}, customers, np.zeros(2))
        with (
            open_ledger(shop.folder / "other.db") as ledger,
            pytest.raises(CampaignError, match="the scores have a segment that the config does not; score again"),
        ):
            listing.plays_of(ranked, {"a": CONTACT, "b": CONTACT}, {}, "autumn", shop.config(), ledger)

    def test_a_segment_that_has_too_few_is_refused_before_anybody_is_assigned(self, shop):
        with pytest.raises(CampaignError, match=r"asks for 4 plays of each segment, and \w+ has 3; name"):
            shop.export("autumn", "autumn", compare_plays=4)
        assert shop.ledger("autumn").empty


class TestPromise:
    def customers(self, count=100):
        return pd.DataFrame(
            {
                "churn_probability": 0.8,
                "expected_effect": 0.04,
                "order_amount": 100.0,
                "contact_cost": 1.0,
                "expected_profit": 0.2,
                "ranked_by": "expected profit (assumed save rate 0.05)",
            },
            index=range(count),
        )

    def test_what_a_list_promises_is_added_up_by_arm(self, shop):
        arms = pd.Series([CONTACT] * 90 + [HOLDOUT] * 10)
        told = promise(self.customers(), arms, shop.config())
        assert told.facts() == {
            "orders": 3.6,
            "revenue": 360.0,
            "profit": 18.0,
            "cost": 90.0,
            "holdout_cost": 2.0,
            "base_rate": 0.2,
            "expected_rise": 0.04,
            "break_even_rise": 0.033333,  # 1 / (.3 × 100)
            "detectable_rise": round(smallest_detectable_rise(90, 10, 0.2, 0.95), 6),
            "assumed": ["save rate"],
            "assumed_of": 100,
            "customers": 100,
        }
        lines = list(told.lines(10, "EUR"))
        assert lines[0].startswith("expected (save rate assumed): 3.6 more orders, 360 EUR more revenue, 18 EUR profit")
        assert "10 costs 2 EUR" in lines[1]
        assert "a rise of 4.0 points is assumed, 3.3 points would pay" in lines[2]

    def test_without_a_holdout_nothing_can_be_shown_and_that_is_said(self, shop):
        told = promise(self.customers(), pd.Series([CONTACT] * 100), shop.config())
        assert told.detectable_rise is None
        assert "nobody is held out" in list(told.lines(0, "EUR"))[1]

    def test_what_is_proved_is_not_called_assumed(self, shop):
        customers = self.customers().assign(ranked_by="proved uplift")
        told = promise(customers, pd.Series([CONTACT] * 50 + [HOLDOUT] * 50), shop.config())
        assert not any("assumed" in line for line in told.lines(50, "EUR"))

    def test_of_how_many_it_is_assumed_is_said_where_campaigns_have_told_of_the_others(self, shop):
        customers = self.customers()
        customers.loc[30:, "ranked_by"] = "expected profit (measured save rate)"
        told = promise(customers, pd.Series([CONTACT] * 90 + [HOLDOUT] * 10), shop.config())
        assert (told.assumed_of, told.customers) == (30, 100)
        lines = list(told.lines(10, "EUR"))
        assert lines[0].startswith("expected (save rate assumed for 30 of 100): 3.6 more orders")
        assert "a rise of 4.0 points is expected" in lines[2]

    @pytest.mark.parametrize(("count", "share"), [(400, 0.5), (10_000, None), (200_000, 0.05)])
    def test_the_smallest_share_is_that_which_shows_a_rise_below_break_even(self, shop, count, share):
        config, customers = shop.config(), self.customers(count)
        found = smallest_share(customers, config)
        if share is not None:
            assert found == share
            return
        assert 0.05 < found < 0.5

        def shown(part):
            held = round(count * part)
            return smallest_detectable_rise(count - held, held, 0.2, 0.95) < 1 / 30

        assert shown(found)
        assert not shown(found - 0.01)

    def test_a_campaign_exported_again_keeps_the_share_that_was_found(self, shop):
        shop.export("autumn", "first", holdout_share="auto", budget=20.0)
        shop.export("autumn", "again", holdout_share="auto", budget=40.0)
        assert set(shop.ledger("autumn")["share"]) == {0.5}
        with open_ledger(shop.folder / "ledger.db") as ledger:
            ledger.record(assigned({"x": CONTACT}, "winter", share=0.07))
        shop.export("winter", "winter", holdout_share="auto", min_gap_days=0)
        assert set(shop.ledger("winter")["share"]) == {0.07}


def test_the_promise_is_in_the_answer_the_manifest_and_words(shop):
    shop.export("autumn", "list")
    asked = ("export", shop.folder / "clm.yaml", "--scores", shop.folder / f"scores-{DAY}", "--campaign", "autumn")
    plot = ("--plot", shop.folder / "profit.png")
    told = run(*asked, "--out", shop.folder / "list", "--force", "--json", *plot).told
    assert told["promise"]["profit"] > 0
    assert told["promise"]["assumed"] == ["save rate"]
    assert open_box(shop.folder / "list", "list").facts["promise"] == told["promise"]
    assert (shop.folder / "profit.png").read_bytes()[:4] == b"\x89PNG"
    said = run(*asked, "--out", shop.folder / "list", "--force").out
    assert "save rate assumed" in said
    assert "the holdout of 15 costs" in said
    refused = run(*asked, "--out", shop.folder / "other", *plot)
    assert refused.code == 15
    assert not (shop.folder / "other").exists()


def test_a_list_without_writing_is_the_one_that_would_be_written(shop):
    exported = shop.export("autumn", "list", universal_holdout_share=0.3).listed
    config = shop.config(universal_holdout_share=0.3)
    from clm_ml.tables import read_tables

    scores = pd.read_parquet(shop.folder / f"scores-{DAY}" / "scores.parquet")
    again = rank(scores, read_tables(config), config, "autumn")
    pd.testing.assert_frame_equal(again.contact, exported.contact, check_dtype=False)
    assert again.promise == exported.promise


def test_a_list_that_earns_the_most_is_marked_once_and_within_the_paper():
    axes = plot_list([3.0, 1.0], 2, 2.5, "EUR").axes[0]
    assert [text.get_text() for text in axes.texts] == ["this list:\n2 with 2"]
    low, high = axes.get_ylim()
    assert (low < 0, high > 4) == (True, True)
    assert plot_list([-1.0, -2.0], 2, -3.0, "EUR").axes[0].get_ylim()[0] < -3


def test_the_figure_marks_the_list_that_was_made():
    figure = plot_list([3.0, 1.0, -2.0], 1, 3.0, "EUR")
    axes = figure.axes[0]
    curve, _, best, own = axes.lines[:4]
    assert curve.get_ydata().tolist() == [0.0, 3.0, 4.0, 2.0]
    assert [text.get_text() for text in axes.texts] == ["the most: 4 with 2", "this list:\n3 with 1"]
    assert axes.get_title() == "A list of 1 is expected to bring 3 EUR"
    assert "<title>2 contacted: 4 EUR expected</title>" in figure._repr_html_()
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (2, 4.0)
    assert (own.get_xdata()[0], own.get_ydata()[0]) == (1, 3.0)
    assert "assumed" in axes.get_ylabel()
    assert "assumed" not in plot_list([3.0], 1, 3.0, "EUR", is_assumed=False).axes[0].get_ylabel()


# Of whom a row says more than the scores


def test_a_favourite_category_is_that_of_the_most_money_after_returns(tmp_path):
    rows = [
        ("a", "2024-01-01", 10.0, "tea"),
        ("a", "2024-01-02", 15.0, "cups"),
        ("a", "2024-01-03", -9.0, "cups"),
        ("a", "2024-12-01", 99.0, "late"),  # not known yet
        ("tie", "2024-01-01", 5.0, "b"),
        ("tie", "2024-01-02", 5.0, "a"),
        ("none", "2024-01-01", 5.0, None),
        ("other", "2024-01-01", 5.0, "x"),
    ]
    orders = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount", "category"])
    from clm_ml.tables import read_tables
    from tests.conftest import make_config

    tables = read_tables(make_config({"orders": orders}, "2024-12-31"), orders=orders)
    found = find_favourite_categories(["a", "tie", "none", "stranger"], tables, parse_day("2024-12-01"))
    assert found.to_dict() == {"a": "tea", "tie": "a"}
    bare = orders.drop(columns="category")
    tables = read_tables(make_config({"orders": bare}, "2024-12-31"), orders=bare)
    assert find_favourite_categories(["a"], tables, parse_day("2024-12-01")).empty


def test_reading_is_told_by_the_opens_from_the_first_sign_of_life_to_the_last_or_a_while_after_the_last_order():
    from tests.conftest import make_shop

    orders = [("a", "2024-01-01", 10.0), ("a", "2024-01-31", 10.0), ("b", "2024-11-20", 10.0), ("b", "2024-12-20", 9.0)]
    orders += [("c", "2024-02-01", 10.0)]
    events = [
        ("a", "2023-12-22", "visit"),  # ten days before the first order
        ("a", "2024-01-01", "email_open"),
        ("a", "2024-02-29", "email_open"),
        ("a", "2024-02-29", "email_click"),  # opens tell, where there are any
        ("b", "2024-11-25", "visit"),
        ("b", "2024-12-01", "email_open"),  # not known yet
        ("c", "2024-08-01", "email_open"),  # half a year after the last order
        ("stranger", "2024-01-01", "email_open"),
    ]
    tables = make_shop(orders, events)
    found = find_reading(tables, parse_day("2024-12-01"), 30)
    opens, watched = {"a": 2.0, "b": 0.0, "c": 1.0}, {"a": 70.0, "b": 11.0, "c": 183.0}
    by_hand = reading_of(pd.Series(opens), pd.Series(watched), 30)
    pd.testing.assert_series_equal(found, by_hand, check_names=False)
    assert found["a"] > 1 > found["c"]
    assert np.isclose(found.mean(), 1.0)
    assert find_reading(tables, parse_day("2024-12-01"), 0) is None
    assert find_reading(make_shop(orders), parse_day("2024-12-01"), 30) is None
    assert find_reading(make_shop(orders, [("a", "2024-01-02", "visit")]), parse_day("2024-12-01"), 30) is None


def test_where_no_opens_are_told_clicks_tell_who_reads():
    from tests.conftest import make_shop

    orders = [("a", "2024-01-01", 10.0), ("b", "2024-01-01", 10.0)]
    clicked = make_shop(orders, [("a", "2024-01-02", "email_click")])
    clicked = replace(clicked, meanings={"email_click": ("email_click",)})
    found = find_reading(clicked, parse_day("2024-12-01"), 30)
    assert found["a"] > 1 > found["b"]


def test_a_list_is_ranked_by_uplift_where_it_is_proved_and_says_so_where_it_is_not(shop):
    shop.export("autumn", "first")
    rng = np.random.default_rng(1)
    known, contacted = rng.random(600) < 0.5, rng.random(600) < 0.5
    people = pd.DataFrame({"orders_ever": 1.0 + known, "arm": np.where(contacted, "mail", "holdout")})
    came = rng.random(600) < 0.2 + 0.5 * (contacted & known)
    found = learn_uplift(people.assign(ordered=came.astype(int)), share=0.5, plan=UpliftPlan(learner="t"))
    told = {}
    for name, z in (("proved", 9.0), ("unproved", 1.0)):
        with new_box(shop.folder / name, BOX_KIND, {"campaigns": {"spring": 600}}) as hidden:
            save_uplift(replace(found, gate=Gate(z, 2.33)), hidden)
        asked = ("--scores", shop.folder / f"scores-{DAY}", "--campaign", "autumn", "--out", shop.folder / f"by {name}")
        done = run("export", shop.folder / "clm.yaml", *asked, "--uplift", shop.folder / name, "--json")
        assert done.code == 0, done
        told[name] = done.told
        rows = pd.read_csv(shop.folder / f"by {name}" / "contact.csv")
        assert open_box(shop.folder / f"by {name}", "list").facts["uplift"]["campaigns"] == {"spring": 600}
        assert set(rows["ranked_by"]) == {
            "expected profit (proved uplift)" if name == "proved" else "expected profit (assumed save rate 0.05)"
        }
    assert (told["proved"]["promise"]["assumed"], told["unproved"]["promise"]["assumed"]) == ([], ["save rate"])
    assert any("uplift is not proved" in warning for warning in told["unproved"]["warnings"])


def test_nobody_is_asked_what_uplift_proves_of_them_who_has_not_said_yes_to_the_channel(monkeypatch, shop):
    asked = []
    monkeypatch.setattr(listing, "find_effects", lambda _, ids, *__: asked.extend(ids))
    scores = pd.DataFrame({"customer_id": ["yes", "no", "other"], "segment": ["at_risk", "at_risk", "champion"]})
    consent = pd.DataFrame({"customer_id": ["yes", "no", "other"], "contact_email": [True, False, True]})
    listing._proved(shop.folder, [scores], DAY, None, shop.config(), Permits(consent=consent))
    assert asked == ["yes"]
