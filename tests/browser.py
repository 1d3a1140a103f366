"""Opens a page in a browser, at the width of a desk and of a phone, and tells what is wrong with it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open a page in")

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


def is_well(page: Path, folder: Path, figures: int) -> bool:
    """Assert that a page shows so many figures, nothing cut, nothing on something else, and that nobody complains."""
    told, complaints = look(page, folder)
    assert complaints == ""
    for name in FRAMES:
        assert told[name]["wrong"] == [], name
        assert told[name]["sideways"] <= 0, name
        assert told[name]["figures"] == figures, name
    return True
