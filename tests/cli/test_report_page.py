# SPDX-License-Identifier: Apache-2.0
"""The report's page in a real browser, headless: wide and narrow, light and dark, without scripts, on
paper. No message on its console, nothing fetched, nothing cut off, nothing that overlaps, nothing
too pale or too small to read. Skipped (77) where there is no Chromium: it is 187 MB to download, so
the tests do not ask for it (sh tools/deps.sh browser). tests/cli/test_report.py judges the page's
text in any case."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
import browser  # noqa: E402
from command import DONE, Result, check, finish, start  # noqa: E402

RUN = ['scale', '--device', 'sim:queues=2,flops=1e9', '--workload', '64x64x8', '--threads',
       '1,2,4,8', '--sizes', '32x32x4,64x64x8,128x64x8', '--seconds', '0.06', '--rounds', '3',
       '--ablate', 'streams=1,4']
# Every picture that is shown: texts that leave it, texts that overlap, and small ones.
PICTURES = '''(() => {
  const problems = [];
  const shown = [...document.querySelectorAll('figure svg[viewBox]')].filter(
      svg => !svg.closest('ul') && svg.getBoundingClientRect().width > 0);
  for (const svg of shown) {
    const frame = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent.trim(),
        t.getBoundingClientRect()]).filter(([text]) => text);
    if (!boxes.length) problems.push('no text');
    for (const [text, box] of boxes) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1) problems.push('cut: ' + text);
      if (box.height < 10) problems.push('small: ' + text + ' ' + box.height);
    }
    for (let i = 0; i < boxes.length; i++)
      for (let k = i + 1; k < boxes.length; k++) {
        const a = boxes[i][1], b = boxes[k][1];
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top + 3 < b.bottom - 3 &&
            b.top + 3 < a.bottom - 3) problems.push(boxes[i][0] + ' over ' + boxes[k][0]);
      }
  }
  return [shown.length, problems];
})()'''
# Texts with less contrast to what is behind them than 4.5 to 1, as WCAG 2 has it.
PALE = '''(() => {
  const parts = c => (c.match(/[0-9.]+/g) || []).map(Number);
  const luminance = c => {
    const [r, g, b] = parts(c).slice(0, 3).map(v => v / 255).map(
        v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (c !== 'transparent' && parts(c)[3] !== 0) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  const pale = [];
  for (const e of document.querySelectorAll('h1,h2,h3,p,dt,dd,th,td,li,text')) {
    const style = getComputedStyle(e);
    const color = e.tagName === 'text' ? style.fill : style.color;
    const [a, b] = [luminance(color), luminance(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) pale.push(e.tagName + ' ' + color + ' on ' + behind(e) +
        ': ' + e.textContent.slice(0, 30));
  }
  return pale;
})()'''
WIDTH = '[document.documentElement.scrollWidth, innerWidth]'


def check_view(page, what, address, **options):
    page.messages.clear()
    page.requests.clear()
    page.open(address, **options)
    width = page.value(WIDTH)
    check(width[0] <= width[1], what, 'scrolls sideways', width)
    count, problems = page.value(PICTURES)
    # Two figures of the sweep at the least, the sizes, the parts of time, the ablation.
    check(count >= 5 or not shutil.which('gnuplot'), what, 'pictures', count)
    check(not problems, what, problems)
    pale = page.value(PALE)
    check(not pale, what, pale[:5])
    check(not page.messages, what, 'console:', page.messages)
    check(page.requests == [address], what, 'asked for', page.requests)
    check(len(page.screenshot()) > 10000, what, 'screenshot')


def check_pages(folder):
    address = 'file://' + os.path.join(folder, 'report', 'report.html')
    with browser.Browser() as page:
        for scheme in ('light', 'dark'):
            for width in (1400, 1000, 560, 400, 320):
                check_view(page, (scheme, width), address, width=width, scheme=scheme)
        check_view(page, 'without scripts', address, scripts=False)
        for scheme in ('light', 'dark'):
            check_view(page, ('printed', scheme), address, width=720, media='print',
                       scheme=scheme)
            check(page.value('getComputedStyle(document.documentElement).backgroundColor')
                  == 'rgb(255, 255, 255)', 'paper is white', scheme)
        paper = page.pdf()
        check(paper[:5] == b'%PDF-' and len(paper) > 20000, 'PDF', len(paper))


def main():
    if browser.find() is None:
        print('not run: no Chromium here (sh tools/deps.sh browser installs one)')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        result = Result(start([*RUN, '--out', 'report/'], folder), folder)
        check(result.status == DONE, 'report', result.status, result.err)
        if result.status == DONE:
            check_pages(folder)
    finish()


if __name__ == '__main__':
    main()
