# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over its debugging pipe with the standard library alone.

    with Browser() as browser:
        page = browser.open('file:///.../report.html', width=400, media='screen', scheme='dark')
        browser.messages      # of the console: errors and warnings
        browser.requests      # every address that was asked for
        browser.value('document.title')
        browser.screenshot()  # PNG
        browser.pdf()
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome')
DEADLINE_S = 60


def find():
    """The browser's path, or None."""
    for name in (os.environ.get('TRIB_BROWSER', ''), *NAMES):
        path = shutil.which(name) if name else None
        if path:
            return path
    return None


class Browser:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()

        def place_ends():
            # The two may be 3 and 4 already, or each other's.
            first, second = os.dup(down_read), os.dup(up_write)
            os.dup2(first, 3)
            os.dup2(second, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self.process = subprocess.Popen(
            [find(), '--headless=new', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu',
             '--disable-dev-shm-usage', '--no-first-run', '--disable-extensions',
             '--disable-background-networking', '--disable-component-update',
             '--hide-scrollbars', '--force-color-profile=srgb', '--window-size=1000,800',
             f'--user-data-dir={self.folder.name}', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, 'HOME': self.folder.name, 'XDG_CONFIG_HOME': self.folder.name,
                 'XDG_CACHE_HOME': self.folder.name},
            preexec_fn=place_ends, pass_fds=(3, 4))
        os.close(down_read)
        os.close(up_write)
        self.to, self.back = down_write, up_read
        self.buffer = b''
        self.count = 0
        self.session = None
        self.events = []
        self.messages, self.requests = [], []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target,
                                 flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.call('Browser.close')
        except (OSError, RuntimeError, TimeoutError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        try:
            self.folder.cleanup()
        except OSError:
            time.sleep(1)
            shutil.rmtree(self.folder.name, ignore_errors=True)

    def receive(self, deadline):
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.back], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.back, 1 << 20) if ready else None
            if data is None:
                raise TimeoutError('the browser does not answer')
            if not data:
                raise RuntimeError('the browser ended')
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(line)

    def note(self, message):
        method, what = message.get('method'), message.get('params', {})
        if method == 'Runtime.consoleAPICalled':
            self.messages.append(f"{what['type']}: {what['args']}")
        elif method == 'Runtime.exceptionThrown':
            self.messages.append(f"exception: {what['exceptionDetails']}")
        elif method == 'Log.entryAdded':
            self.messages.append(f"{what['entry']['level']}: {what['entry']['text']} "
                                 f"{what['entry'].get('url', '')}")
        elif method == 'Network.requestWillBeSent':
            self.requests.append(what['request']['url'])
        elif method:
            self.events.append(method)

    def call(self, method, **arguments):
        self.count += 1
        message = {'id': self.count, 'method': method, 'params': arguments}
        if self.session:
            message['sessionId'] = self.session
        data = json.dumps(message).encode() + b'\0'
        while data:
            data = data[os.write(self.to, data):]
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = self.receive(deadline)
            if answer.get('id') != message['id']:
                self.note(answer)
                continue
            if 'error' in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            return answer['result']

    def open(self, address, width=1000, height=800, scheme='light', media='screen',
             scripts=True):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia', media=media,
                  features=[{'name': 'prefers-color-scheme', 'value': scheme}])
        self.call('Emulation.setScriptExecutionDisabled', value=not scripts)
        self.events.clear()
        self.call('Page.navigate', url=address)
        deadline = time.monotonic() + DEADLINE_S
        while 'Page.loadEventFired' not in self.events:
            self.note(self.receive(deadline))

    def value(self, expression):
        """What an expression gives, evaluated by the debugger: the page's policy does not bind it."""
        answer = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer['result'].get('value')

    def screenshot(self):
        size = self.call('Page.getLayoutMetrics')['cssContentSize']
        clip = {'x': 0, 'y': 0, 'width': size['width'], 'height': size['height'], 'scale': 1}
        return base64.b64decode(self.call('Page.captureScreenshot', format='png', clip=clip,
                                          captureBeyondViewport=True)['data'])

    def pdf(self):
        return base64.b64decode(self.call('Page.printToPDF', printBackground=False,
                                          paperWidth=8.27, paperHeight=11.69)['data'])
