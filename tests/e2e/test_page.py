"""The page in headless Chromium: two people chatting, a restart in between, and text that stays text.

SCREENSHOTS=DIR saves pictures at the width of a phone and of a desk.
"""
import asyncio
import os
import shutil
import sys
import tempfile
import threading
import time
import unittest

from selenium import webdriver
from selenium.common.exceptions import (NoAlertPresentException, NoSuchElementException, StaleElementReferenceException,
                                        WebDriverException)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PATIENCE, Chatroomd, Client

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
# More of them, for a peer that speaks without the page.
TAGS = ("script", "img", "svg", "iframe", "a", "body", "details", "input", "video", "math", "style", "template", "object", "embed",
        "form", "button", "meta", "link", "base", "audio", "marquee", "select")
HANDLERS = ("onerror=hacked=1 src=x", "onload=hacked=1", "onfocus=hacked=1 autofocus", "href=javascript:hacked=1")
MORE_PAYLOADS = tuple("<%s %s>" % (tag, handler) for tag in TAGS for handler in HANDLERS)


class Peers:
    """Clients without a browser, on a loop of their own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def do(self, job, seconds=60):
        return asyncio.run_coroutine_threadsafe(job, self.loop).result(seconds * PATIENCE)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


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

    def peers(self):
        peers = Peers()
        self.addCleanup(peers.close)
        return peers

    def test_T19_what_peers_send_stays_text(self):
        """As message live, as message of history, as name of a person and as name of a room."""
        ann, peers = self.window(), self.peers()
        ann.register("ann")
        ann.create("Target")
        eve = peers.do(Client.connect(self.server, "eve", "Target"))
        others = []

        async def attack():
            for payload in MORE_PAYLOADS:
                await eve.say(payload)
            for payload in MORE_PAYLOADS:
                if len(payload) <= 32:
                    others.append(await Client.connect(self.server, payload, "Target"))
            for payload in MORE_PAYLOADS:
                if len(payload) <= 64:
                    other = await Client.connect(self.server, "mallory")
                    await other.create(payload)
                    others.append(other)
        peers.do(attack())
        self.assertGreaterEqual(len(MORE_PAYLOADS), 60)
        ann.shows(MORE_PAYLOADS[-1], "eve")
        ann.wait(lambda: MORE_PAYLOADS[-1] in ann.rooms(), why="the rooms are shown")
        names = [p for p in MORE_PAYLOADS if len(p) <= 32]
        self.assertGreater(len(names), 20)
        ann.wait(lambda: all(name in ann.text("people") for name in names), why="the names are shown")
        self.assertEqual([m[2] for m in ann.messages()], list(MORE_PAYLOADS))
        self.assertEqual(ann.harmless(), "")
        ann.driver.refresh()
        ann.in_room("Target")
        ann.shows(MORE_PAYLOADS[-1], "eve")
        self.assertEqual([m[2] for m in ann.messages()], list(MORE_PAYLOADS))
        self.assertEqual(ann.harmless(), "")
        for one in (eve, *others):
            peers.do(one.close())
        ann.leave("Target")
        self.quiet(ann)

    def test_earlier_messages_on_demand(self):
        ann, peers = self.window(), self.peers()
        count = 350  # more than a page of history

        async def fill():
            eve = await Client.connect(self.server, "eve", "Long")
            for n in range(count):
                await eve.say("line %d" % n)
            for n in range(count):
                await eve.said()
            return eve
        eve = peers.do(fill())
        ann.register("ann")
        ann.join("Long")
        ann.shows("line %d" % (count - 1), "eve")
        first = ann.messages()[0][0]
        self.assertGreater(first, 1)
        ann.click("older")
        ann.wait(lambda: ann.messages()[0][0] == 1, why="earlier messages are there")
        self.assertEqual([m[0] for m in ann.messages()], list(range(1, count + 1)))
        self.assertFalse(ann.find("older").is_displayed())
        peers.do(eve.close())
        ann.leave("Long")
        self.quiet(ann)

    def test_text_written_while_away_is_sent_once(self):
        ann = self.window()
        ann.register("ann")
        ann.create("Away")
        ann.say("before")
        ann.shows("before", "ann")
        self.server.kill()
        ann.wait(lambda: "Connected" not in ann.text("state"), why="says that the server is away")
        ann.say("first while away")
        ann.say("second while away")
        ann.wait(lambda: "first while away" in ann.text("pending") and "Waiting" in ann.text("pending"), why="shown as not sent")
        pictures(ann, "6-pending")
        self.server.again()
        ann.shows("second while away", "ann")
        ann.wait(lambda: not ann.text("pending"), why="nothing is left to send")
        self.assertEqual([m[1:] for m in ann.messages()],
                         [("ann", "before"), ("ann", "first while away"), ("ann", "second while away")])
        ann.leave("Away")
        self.quiet(ann, restarted=True)

    def test_two_of_one_name_look_like_two(self):
        ann, namesake, peers = self.window(), self.window(), self.peers()

        def own(window):
            return window.driver.execute_script("return [...document.querySelectorAll('#messages .mine .text')].map(e => e.textContent)")
        for one in (ann, namesake):
            one.register("ann")
        ann.create("Twins")
        namesake.join("Twins")
        ann.say("from one")
        namesake.shows("from one", "ann")
        namesake.say("from the other")
        ann.shows("from the other", "ann")
        ann.say("from one again")
        namesake.shows("from one again", "ann")
        self.assertEqual((own(ann), own(namesake)), (["from one", "from one again"], ["from the other"]))
        pictures(ann, "8-namesake")
        ann.wait(lambda: "ann: from the other" in ann.text("announcer"), why="announced")
        self.assertNotIn("from one", ann.text("announcer"))
        self.assertEqual(ann.driver.execute_script("return [...document.querySelectorAll('#people li')].map(e => e.textContent)"
                                                   ".filter(t => t.includes('you')).length"), 1)

        async def copy():
            eve = await Client.connect(self.server, "ann", "Twins")
            page = await eve.history()
            await eve.say("copied", id=page["messages"][0]["id"])
            return eve
        eve = peers.do(copy())
        ann.shows("copied", "ann")
        ann.driver.refresh()
        ann.shows("copied", "ann")
        self.assertEqual(own(ann), ["from one", "from one again"])
        self.assertEqual(len(ann.messages()), 4)
        peers.do(eve.close())
        for one in (ann, namesake):
            one.leave("Twins")
        self.quiet(ann, namesake)

    def test_keyboard(self):
        ann = self.window()
        ann.type("name", "ann", Keys.ENTER)
        ann.wait(lambda: ann.find("new-room").is_displayed(), why="Enter registers")
        ann.type("new-room", "Keys", Keys.ENTER)
        ann.in_room("Keys")
        ann.wait(lambda: ann.driver.switch_to.active_element.get_attribute("id") == "text", why="one may write at once")
        ann.driver.switch_to.active_element.send_keys("two", Keys.SHIFT + Keys.ENTER + Keys.NULL, "lines", Keys.ENTER)
        ann.shows("two\nlines", "ann")
        self.assertEqual(ann.find("text").get_attribute("value"), "")
        ann.leave("Keys")
        self.quiet(ann)

    def focused(self, window, id):
        window.wait(lambda: window.driver.execute_script("return document.activeElement.id") == id, why="focus on #" + id)

    def test_keyboard_is_never_left_nowhere(self):
        peers = self.peers()
        bob = peers.do(Client.connect(self.server, "bob", "Focus"))
        for width, after_leaving in ((390, "rooms-title"), (1280, "nowhere-title")):
            ann = self.window()
            ann.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                       {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False})
            ann.type("name", "ann", Keys.ENTER)
            self.focused(ann, "rooms-title")
            ann.join("Focus")
            if width < 760:
                for opener, inside in (("open-rooms", "Focus"), ("open-people", "people-title")):
                    ann.find(opener).send_keys(Keys.ENTER)
                    ann.wait(lambda: ann.driver.execute_script(
                        "const e = document.activeElement; return e.dataset.room ?? e.id") == inside, why="focus in the drawer")
                    ann.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
                    self.focused(ann, opener)
            ann.find("leave").send_keys(Keys.ENTER)
            self.focused(ann, after_leaving)
            self.quiet(ann)
        peers.do(bob.close())

    def test_reload_comes_back_and_sign_out_does_not(self):
        ann = self.window()
        ann.register("ann")
        ann.create("Here")
        ann.say("said")
        ann.shows("said")
        peers = self.peers()
        bob = peers.do(Client.connect(self.server, "bob", "Here"))  # keeps the room
        ann.driver.refresh()
        ann.in_room("Here")
        ann.shows("said", "ann")
        ann.click("sign-out")
        ann.wait(lambda: ann.find("name").is_displayed() and "Connected" in ann.text("state"), why="signed out")
        ann.driver.refresh()
        ann.wait(lambda: ann.find("name").is_displayed() and "Connected" in ann.text("state"), why="still signed out")
        peers.do(bob.close())
        self.quiet(ann)

    def test_screen_readers_have_something_to_go_by(self):
        ann = self.window()
        ann.register("ann")
        ann.create("Aloud")
        peers = self.peers()
        eve = peers.do(Client.connect(self.server, "eve", "Aloud"))
        self.assertEqual(ann.text("announcer"), "")
        peers.do(eve.say("listen"))
        ann.wait(lambda: "eve: listen" in ann.text("announcer"), why="a new message is announced")
        nameless = ann.driver.execute_script(
            "return [...document.querySelectorAll('input, textarea, button')].filter(e => !(e.labels?.length || e.textContent.trim()"
            " || e.ariaLabel)).map(e => e.id)")
        self.assertEqual(nameless, [])
        self.assertEqual(ann.driver.execute_script("return [...document.querySelectorAll('main, nav, aside')].filter(e =>"
                                                   " e.checkVisibility()).map(e => e.localName)"), ["nav", "main", "aside"])
        peers.do(eve.close())
        ann.leave("Aloud")
        self.quiet(ann)


class Modes(unittest.TestCase):
    def window(self, server):
        window = Window(server.page)
        self.addCleanup(window.quit)
        return window

    def server(self, **options):
        server = Chatroomd(**options).start()
        self.addCleanup(server.finish)
        return server

    def heard(self, window, text):
        window.wait(lambda: text in window.driver.execute_script(
            "return [...document.querySelectorAll('#messages .text')].map(e => e.textContent)"), why="heard " + text)

    def test_simple(self):
        server = self.server(mode="simple", data="memory")
        ann, bob = self.window(server), self.window(server)
        ann.say("hello hall")
        for one in (ann, bob):
            self.heard(one, "hello hall")
        bob.say("<b>hello</b>", enter=True)
        for one in (ann, bob):
            self.heard(one, "<b>hello</b>")
            self.assertEqual(one.harmless(), "")
            self.assertFalse(one.find("side").is_displayed())
        ann.wait(lambda: not ann.text("pending"), why="nothing is left to send")
        pictures(ann, "7-hall")

    def test_both(self):
        server = self.server(mode="both", data="memory")
        ann, bob = self.window(server), self.window(server)
        for one, name in ((ann, "ann"), (bob, "bob")):
            one.register(name)
        ann.create("Room")
        bob.click("hall")
        bob.say("to everybody")
        self.heard(bob, "to everybody")
        ann.wait(lambda: "1" in ann.text("hall-unread"), why="unread in the hall")
        ann.say("in the room")
        ann.shows("in the room", "ann")
        ann.click("hall")
        self.heard(ann, "to everybody")
        ann.join("Room")
        ann.shows("in the room", "ann")

    def test_limits_slow_down_and_lose_nothing(self):
        server = self.server(data="memory", limits=True)
        ann = self.window(server)
        ann.register("ann")
        ann.create("Fast")
        texts = ["quick %d" % n for n in range(60)]
        ann.driver.execute_script(
            "const field = document.getElementById('text');"
            "for (const text of arguments[0]) { field.value = text; document.getElementById('text-form').requestSubmit(); }", texts)
        ann.wait(lambda: len(ann.messages()) == len(texts) and not ann.text("pending"), 60, "all are said")
        self.assertEqual([m[2] for m in ann.messages()], texts)
        self.assertEqual(ann.severe(), [])


if __name__ == "__main__":
    unittest.main()
