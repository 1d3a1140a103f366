"""The report as a browser shows it: nothing cut, nothing on something else, nothing asked for, no complaint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest

from clm_ml import (
    export,
    load_config,
    measure_campaigns,
    online_retail_config,
    online_retail_path,
    report,
    score,
    train_box,
)
from clm_ml.config import Config
from clm_ml.pipeline import transitions_files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open a report in"),
]

#: Measures each frame when all have loaded; texts of a drawing may touch by a hair, since letters have air around them.
MEASURE = """
addEventListener("load", () => {
  const told = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, wide = page.documentElement.clientWidth, wrong = [];
    const box = node => node.getBoundingClientRect();
    for (const svg of page.querySelectorAll("svg")) {
      const name = svg.querySelector("title").textContent, whole = box(svg);
      if (whole.width < 200 || whole.height < 60) wrong.push(`${name} is not drawn`);
      if (!svg.querySelectorAll("path, rect, use").length) wrong.push(`${name} is empty`);
      const texts = [...svg.querySelectorAll("text")].filter(node => node.textContent.trim());
      texts.forEach((one, at) => {
        const a = box(one);
        if (a.left < 0 || a.right > wide || a.top < whole.top - 3 || a.bottom > whole.bottom + 3)
          wrong.push(`${name}: "${one.textContent}" is cut`);
        for (const other of texts.slice(at + 1)) {
          const b = box(other);
          const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (across > 2 && down > 0.35 * Math.min(a.height, b.height))
            wrong.push(`${name}: "${one.textContent}" lies on "${other.textContent}"`);
        }
      });
    }
    for (const node of page.querySelectorAll("body *")) {
      if (node.closest(".scroll, .unseen, .skip, svg, details:not([open])")) continue;
      const at = box(node);
      if (at.width && (at.right > wide + 1 || at.left < -1)) wrong.push(`${node.tagName} ${node.className} is cut`);
    }
    const blocks = [...page.querySelectorAll("figure, .beside, .tiles > div, .people > li, h2, main > section > p")];
    blocks.forEach((one, at) => blocks.slice(at + 1).forEach(other => {
      const a = box(one), b = box(other);
      if (one.contains(other) || !a.width || !b.width || one.className === "unseen") return;
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      if (across > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        wrong.push(`${one.tagName} lies on ${other.tagName} ${other.textContent.slice(0, 30)}`);
    }));
    const sideways = page.documentElement.scrollWidth - wide;
    told[frame.title] = {wrong, sideways, figures: page.querySelectorAll("svg").length};
  }
  document.getElementById("told").textContent = JSON.stringify(told);
});
"""
FRAMES = {"desktop": (1280, 900), "phone": (390, 844)}


def look(page: Path, folder: Path) -> tuple[dict, str]:
    """Open a page at two widths, and give what was measured and what the browser complained of."""
    inner = escape(page.read_text(encoding="utf-8"))
    frames = "".join(
        f'<iframe title="{name}" width="{wide}" height="{high}" srcdoc="{inner}"></iframe>'
        for name, (wide, high) in FRAMES.items()
    )
    around = folder / "around.html"
    around.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><script>{MEASURE}</script><pre id="told"></pre>{frames}',
        encoding="utf-8",
    )
    quiet = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    quiet += ("--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}")
    command = [CHROMIUM, "--headless", *quiet, "--enable-logging=stderr", "--dump-dom", around.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, "the page was not measured"
    return json.loads(unescape(told[1])), "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def assert_is_well(page: Path, folder: Path, figures: int) -> None:
    told, complaints = look(page, folder)
    assert complaints == ""
    for name in FRAMES:
        assert told[name]["wrong"] == [], name
        assert told[name]["sideways"] <= 0, name
        assert told[name]["figures"] == figures, name


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report the shop that ships with the package, from few as_ofs of it: that is enough to draw everything."""
    folder = tmp_path_factory.mktemp("demo")
    config = load_config(online_retail_config())
    train = config.train.model_copy(update={"step_days": 42})
    config = config.model_copy(update={"home": folder, "train": train, "tables": placed(config)})
    trained = train_box(config, "2011-09-11", folder / "model")
    scored = score(config, folder / "scores", as_of="2011-09-11", model=str(trained.box), reasons=100)
    listed = export(config, scored.box, "autumn", folder / "list")
    campaign = measure_campaigns(config, ["autumn"], out=folder / "measured")
    told = transitions_files(config, "2011-09-11", model=str(trained.box), out=folder / "moved")
    boxes = {"lists": [listed.box], "measured": [campaign.box], "transitions": told.files[0]}
    return report(config, scored.box, folder / "report.html", **boxes).path


def placed(config: Config) -> object:
    """Point the config that ships with the package at the shop where it is installed."""
    orders = config.tables.orders.model_copy(update={"source": str(online_retail_path())})
    return config.tables.model_copy(update={"orders": orders})


def test_the_report_of_the_demo_shop_is_well_on_a_desk_and_on_a_phone(demo: Path, tmp_path: Path) -> None:
    assert_is_well(demo, tmp_path, figures=13)


BROKEN = """<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<meta name="viewport" content="width=device-width"></head><body><main><section><h2>A</h2>
<p>wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww</p>
<svg width="300" height="200"><title>Drawn</title><rect width="9" height="9"/><text x="9" y="50">one</text>
<text x="11" y="51">two</text><text x="9" y="260">below</text></svg>
<svg width="10" height="10"><title>Small</title></svg>
<img src="https://example.org/x.png" width="1" height="1"></section></main></body></html>"""


def test_what_is_wrong_with_a_page_is_seen(tmp_path: Path) -> None:
    (tmp_path / "broken.html").write_text(BROKEN, encoding="utf-8")
    told, complaints = look(tmp_path / "broken.html", tmp_path)
    wrong = told["phone"]["wrong"]
    assert 'Drawn: "one" lies on "two"' in wrong
    assert 'Drawn: "below" is cut' in wrong
    assert {"Small is not drawn", "Small is empty", "P  is cut"} <= set(wrong)
    assert told["phone"]["sideways"] > 0
    assert "Content Security Policy" in complaints, "the picture from elsewhere"
