"""The page in headless Chromium: two people chatting, a restart in between, and text that stays text.

SCREENSHOTS=DIR saves pictures at the width of a phone and of a desk.
"""
import os
import shutil
import sys
import tempfile
import time
import unittest

from selenium import webdriver
from selenium.common.exceptions import (NoAlertPresentException, NoSuchElementException, StaleElementReferenceException,
                                        WebDriverException)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PATIENCE, Chatroomd

ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-default-apps", "--lang=en-US")
# What a page that put text into HTML would run; each sets window.hacked or adds an element.
PAYLOADS = (
    "<script>hacked=1</script>", "<img src=x onerror=hacked=1>", "<svg onload=hacked=1>", "<svg/onload=alert(1)>",
    "\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>", "</div><script>hacked=1</script>",
    "<iframe src=javascript:alert(1)>", "<a href=javascript:alert(1)>x</a>", "<body onload=hacked=1>",
    "<details open ontoggle=hacked=1>", "<input autofocus onfocus=hacked=1>", "<video><source onerror=hacked=1>",
    "<math><mi//xlink:href=\"data:x,<script>\">", "<style>@import 'x';</style>", "<b>bold</b>", "&lt;script&gt;hacked=1&lt;/script&gt;",
    "javascript:alert(1)", "${hacked=1}{{hacked=1}}", "</textarea><script>hacked=1</script>", "<!--<img src=x onerror=hacked=1>-->",
    "<template><img src=x onerror=hacked=1>", "__proto__", "constructor",
)


class Window:
    """A browser of its own, with a fresh profile, on the page."""

    def __init__(self, url, width=1280, height=800):
        self.profile = tempfile.mkdtemp(prefix="page-test-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (*ARGUMENTS, "--user-data-dir=" + self.profile, "--window-size=%d,%d" % (width, height)):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(30 * PATIENCE)
        self.url = url
        self.open()

    def open(self):
        self.driver.get(self.url)
        self.wait(lambda: "Connected" in self.text("state"))

    def quit(self):
        try:
            self.driver.quit()
        finally:
            shutil.rmtree(self.profile, ignore_errors=True)

    def wait(self, condition, seconds=15, why=""):
        """Polls until the condition holds; the page may replace elements meanwhile."""
        deadline = time.monotonic() + seconds * PATIENCE
        trouble = None
        while time.monotonic() < deadline:
            try:
                value = condition()
                if value:
                    return value
            except (NoSuchElementException, StaleElementReferenceException, IndexError) as error:
                trouble = error
            time.sleep(0.05)
        raise AssertionError("the page did not get there: %s %s; state: %s; errors: %s; messages: %s" % (
            why, trouble or "", self.text("state"), self.driver.execute_script(
                "return [...document.querySelectorAll('.error:not(:empty)')].map(e => e.textContent)"), self.messages()[-5:]))

    def find(self, id):
        return self.driver.find_element(By.ID, id)

    def text(self, id):
        return self.driver.execute_script("const e = document.getElementById(arguments[0]); return e ? e.textContent : ''", id)

    def type(self, id, value, key=None):
        element = self.wait(lambda: (e := self.find(id)).is_displayed() and e.is_enabled() and e, why="#%s usable" % id)
        element.clear()
        element.send_keys(value)
        if key:
            element.send_keys(key)

    def click(self, id):
        self.wait(lambda: (e := self.find(id)).is_displayed() and e.is_enabled() and (e.click() or True), why="#%s clickable" % id)

    def rooms(self):
        return self.driver.execute_script("return [...document.querySelectorAll('#rooms [data-room]')].map(e => e.dataset.room)")

    def messages(self):
        """(seq, author, text) of each message shown."""
        return [tuple(m) for m in self.driver.execute_script(
            "return [...document.querySelectorAll('#messages .message[data-seq]')].map(e => [Number(e.dataset.seq),"
            "e.querySelector('.author')?.textContent ?? '', e.querySelector('.text')?.textContent ?? ''])")]

    def register(self, name):
        self.type("name", name)
        self.click("register")
        self.wait(lambda: self.find("new-room").is_displayed() and self.find("new-room").is_enabled(), why="registered")

    def create(self, room):
        self.type("new-room", room)
        self.click("create-room")
        self.in_room(room)

    def join(self, room):
        def press():
            for button in self.driver.find_elements(By.CSS_SELECTOR, "#rooms [data-room]"):
                if button.get_attribute("data-room") == room:
                    button.click()
                    return True
            return False
        self.wait(press, why="a button for " + room)
        self.in_room(room)

    def in_room(self, room):
        self.wait(lambda: room in self.text("room-title"), why="in room " + room)

    def say(self, text, enter=False):
        self.type("text", text, Keys.ENTER if enter else None)
        if not enter:
            self.click("send")

    def shows(self, text, author=None, count=1):
        self.wait(lambda: len([m for m in self.messages() if m[2] == text and author in (None, m[1])]) == count,
                  why="message %r" % text)

    def leave(self, room):
        self.click("leave")
        self.wait(lambda: room not in self.text("room-title") or not self.find("room-title").is_displayed(), why="left " + room)

    def severe(self, restarted=False):
        """Console errors; a server that is away may be complained of if the test took it away."""
        entries = [e for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]
        return [e for e in entries if not (restarted and ("WebSocket connection" in e["message"] or "ERR_CONNECTION" in e["message"]))]

    def harmless(self):
        """Nothing of a payload has run or become an element."""
        try:
            return "alert: " + self.driver.switch_to.alert.text
        except (NoAlertPresentException, WebDriverException):
            pass
        return self.driver.execute_script(
            "if (window.hacked) return 'ran';"
            "const bad = [...document.querySelectorAll('#messages *, #rooms *, #room-title *, #people *')].filter(e =>"
            " /^(script|img|iframe|a|body|details|input|video|source|math|style|template|b)$/i.test(e.localName) ||"
            " [...e.attributes].some(t => t.name.startsWith('on')));"
            "return bad.length ? 'element: ' + bad[0].outerHTML : ''")

    def screenshot(self, name, width, height):
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            os.makedirs(folder, exist_ok=True)
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
            time.sleep(0.3)
            self.driver.save_screenshot(os.path.join(folder, "%s-%dx%d.png" % (name, width, height)))
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def pictures(window, name):
    for width, height in ((390, 844), (1280, 800)):
        window.screenshot(name, width, height)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Chatroomd().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def window(self):
        window = Window(self.server.page)
        self.addCleanup(window.quit)
        return window

    def quiet(self, *windows, restarted=False):
        for window in windows:
            self.assertEqual(window.severe(restarted), [])

    def test_two_people_chat(self):
        ann, bob = self.window(), self.window()
        pictures(ann, "1-start")
        ann.register("ann")
        bob.register("bob")
        ann.create("Lobby")
        bob.wait(lambda: "Lobby" in bob.rooms(), why="the room appears")
        pictures(bob, "2-rooms")
        bob.join("Lobby")
        ann.wait(lambda: "bob" in ann.text("people") and "ann" in ann.text("people"), why="both are listed")
        ann.say("hello Bob")
        bob.shows("hello Bob", "ann")
        bob.say("hello Ann, by Enter", enter=True)
        for one in (ann, bob):
            one.shows("hello Ann, by Enter", "bob")
            self.assertEqual([m[0] for m in one.messages()], [1, 2])
        pictures(ann, "3-chat")
        cid = self.window()
        cid.register("cid")
        cid.join("Lobby")
        cid.shows("hello Bob", "ann")
        cid.shows("hello Ann, by Enter", "bob")
        for one in (ann, bob, cid):
            one.leave("Lobby")
        for one in (ann, bob, cid):
            one.wait(lambda one=one: "Lobby" not in one.rooms(), why="the room vanishes")
        self.quiet(ann, bob, cid)

    def test_restart_in_between(self):
        ann, bob = self.window(), self.window()
        ann.register("ann")
        bob.register("bob")
        ann.create("Durable")
        bob.join("Durable")
        for n in range(5):
            ann.say("before %d" % n)
        bob.shows("before 4")
        for how in ("stop", "kill"):
            self.server.stop() if how == "stop" else self.server.kill()
            for one in (ann, bob):
                one.wait(lambda one=one: "Connected" not in one.text("state"), why="says that the server is away")
            pictures(ann, "4-away")
            self.server.again()
            ann.wait(lambda: "Connected" in ann.text("state") and "Durable" in ann.text("room-title"), 40, "reconnects")
            # Bob may still be waiting for his turn: he misses this one and gets it from the history.
            ann.say("after " + how)
            ann.shows("after " + how, "ann")
            bob.wait(lambda: "Connected" in bob.text("state"), 40, "reconnects")
            bob.shows("after " + how, "ann")
            bob.say("back after " + how)
            ann.shows("back after " + how, "bob")
        for one in (ann, bob):
            seqs = [m[0] for m in one.messages()]
            self.assertEqual(seqs, list(range(1, len(seqs) + 1)))
        for one in (ann, bob):
            one.leave("Durable")
        self.quiet(ann, bob, restarted=True)

    def test_text_stays_text(self):
        ann, bob = self.window(), self.window()
        ann.register("<img src=x onerror=alert(1)>")
        bob.register("<b>bob</b>")
        ann.create("<svg onload=alert(1)>")
        bob.join("<svg onload=alert(1)>")
        for payload in PAYLOADS:
            ann.say(payload)
        for one in (ann, bob):
            one.shows(PAYLOADS[-1])
            self.assertEqual([m[1:] for m in one.messages()], [("<img src=x onerror=alert(1)>", p) for p in PAYLOADS])
            one.wait(lambda one=one: "<b>bob</b>" in one.text("people"), why="names are text")
            self.assertEqual(one.harmless(), "")
        bob.leave("<svg onload=alert(1)>")
        bob.join("<svg onload=alert(1)>")
        bob.shows(PAYLOADS[-1])
        self.assertEqual(bob.harmless(), "")
        bob.leave("<svg onload=alert(1)>")
        for payload in PAYLOADS:
            if len(payload) <= 64:
                bob.create(payload)
                ann.wait(lambda: payload in ann.rooms(), why="room " + payload)
                self.assertEqual((ann.harmless(), bob.harmless()), ("", ""))
                bob.leave(payload)
        for payload in PAYLOADS[:6]:
            cid = bob
            cid.driver.delete_all_cookies()
            cid.driver.execute_script("try { localStorage.clear(); sessionStorage.clear() } catch (e) {}")
            cid.open()
            if len(payload) <= 32:
                cid.register(payload)
                cid.join("<svg onload=alert(1)>")
                ann.wait(lambda: payload in ann.text("people"), why="name " + payload)
                self.assertEqual((ann.harmless(), cid.harmless()), ("", ""))
        ann.leave("<svg onload=alert(1)>")
        self.quiet(ann, bob)

    def test_refusal_is_told(self):
        ann, bob = self.window(), self.window()
        ann.register("ann")
        bob.register("bob")
        ann.create("Taken")
        bob.wait(lambda: "Taken" in bob.rooms(), why="the room appears")
        bob.type("new-room", "Taken")
        bob.click("create-room")
        bob.wait(lambda: "already" in bob.text("new-room-error"), why="the refusal is shown where its cause is")
        pictures(bob, "5-refused")
        ann.leave("Taken")
        self.quiet(ann, bob)

    def test_phone_has_no_sideways_scrolling(self):
        ann = self.window()
        ann.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                   {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})
        ann.register("ann")
        ann.create("Phone")
        ann.say("a-very-long-word-" * 20)
        ann.wait(lambda: ann.messages(), why="the message is shown")
        self.assertLessEqual(ann.driver.execute_script("return document.documentElement.scrollWidth"), 390)
        ann.leave("Phone")
        self.quiet(ann)


if __name__ == "__main__":
    unittest.main()
