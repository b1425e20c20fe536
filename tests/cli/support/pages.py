# SPDX-License-Identifier: Apache-2.0
"""Strict reading of the report's page: every element that is opened is closed, in order, every
attribute is quoted and known, ids are unique, references lead somewhere, nothing is fetched, and
the page's policy names its own style sheet."""
import base64
import hashlib
import html.parser
import re

VOID = {'meta', 'link', 'br', 'hr', 'img', 'input'}
FLOW = {'html', 'head', 'body', 'main', 'header', 'footer', 'section', 'title', 'style', 'h1', 'h2',
        'h3', 'p', 'ul', 'li', 'dl', 'dt', 'dd', 'div', 'table', 'thead', 'tbody', 'tr', 'th', 'td',
        'figure', 'figcaption', 'meta', 'link'}
DRAWN = {'svg', 'g', 'path', 'circle', 'rect', 'polygon', 'polyline', 'line', 'text', 'tspan',
         'use', 'defs'}
# What may stand directly inside of what.
PARENTS = {'li': {'ul'}, 'tr': {'thead', 'tbody'}, 'th': {'tr'}, 'td': {'tr'}, 'thead': {'table'},
           'tbody': {'table'}, 'dt': {'div'}, 'dd': {'div'}, 'dl': {'section'}, 'figcaption':
           {'figure'}, 'h2': {'section'}, 'tspan': {'text'}}


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.problems, self.stack, self.texts = [], [], []
        self.ids, self.references = [], []
        self.counts, self.labels, self.policy, self.style = {}, [], '', ''
        self.drawn_text = []
        if not text.startswith('<!DOCTYPE html>\n'):
            self.problems.append('no doctype')
        if any(ord(c) < 32 and c != '\n' for c in text):
            self.problems.append('control characters')
        self.feed(text)
        self.close()
        if self.stack:
            self.problems.append(f'left open: {self.stack}')
        if len(set(self.ids)) != len(self.ids):
            self.problems.append('ids are not unique')
        self.problems += [f'{name} leads nowhere' for name in self.references
                          if name not in self.ids]
        digest = base64.b64encode(hashlib.sha256(self.style.encode()).digest()).decode()
        if f"style-src 'sha256-{digest}';" not in self.policy:
            self.problems.append(f'the policy does not name the style sheet, sha256-{digest}: '
                                 f'write it to src/report/report_style.c')
        if "default-src 'none'" not in self.policy:
            self.problems.append('the policy is not strict')

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in FLOW | DRAWN:
            self.problems.append(f'element {tag}')
        parents = PARENTS.get(tag)
        if parents and (not self.stack or self.stack[-1] not in parents):
            self.problems.append(f'{tag} in {self.stack[-3:]}')
        if tag in DRAWN and tag != 'svg' and 'svg' not in self.stack:
            self.problems.append(f'{tag} outside of a picture')
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.problems.append(f'{tag}: an attribute twice')
        for name, value in attrs:
            self.attribute(tag, name, value)
        if tag not in VOID and not self.get_starttag_text().endswith('/>'):
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag not in DRAWN:
            self.problems.append(f'<{tag}/>')
        self.handle_starttag(tag, attrs)

    def attribute(self, tag, name, value):
        value = value or ''
        if name.startswith('on') or name in ('src', 'style', 'action', 'srcdoc'):
            self.problems.append(f'{tag} {name}={value}')
        if name == 'id':
            self.ids.append(value)
        if name in ('href', 'xlink:href') and value.startswith('#'):
            self.references.append(value[1:])
        elif name in ('href', 'xlink:href') and value != 'data:,':
            self.problems.append(f'{tag} {name}={value}')
        if name == 'aria-label':
            self.labels.append(value)
        if tag == 'meta' and name == 'content' and 'default-src' in value:
            self.policy = value
        if re.search(r'url\(|javascript:|expression\(', value, re.I) and name != 'aria-label':
            self.problems.append(f'{tag} {name}={value}')

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.problems.append(f'</{tag}> closes something else')

    def handle_data(self, data):
        where = self.stack[-1] if self.stack else ''
        if where == 'style':
            self.style += data
        elif where in ('text', 'tspan'):
            self.drawn_text.append(data)
        if where in ('table', 'thead', 'tbody', 'tr', 'ul', 'dl') and data.strip():
            self.problems.append(f'text in {where}: {data.strip()[:40]}')
        if where != 'style':
            self.texts.append(data)

    def handle_comment(self, data):
        self.problems.append(f'comment: {data[:40]}')

    def handle_pi(self, data):
        self.problems.append(f'instruction: {data[:40]}')

    def unknown_decl(self, data):
        self.problems.append(f'declaration: {data[:40]}')

    @property
    def text(self):
        return ' '.join(' '.join(self.texts).split())
