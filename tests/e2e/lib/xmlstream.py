"""An XML stream as it comes in, cut into its header, its stanzas and its end (expat)."""
from xml.etree.ElementTree import TreeBuilder
from xml.parsers import expat


class Header(dict):
    """The attributes of <stream:stream>; `tag` is its name."""

    def __init__(self, tag, attributes):
        super().__init__(attributes)
        self.tag = tag


class Close:
    """</stream:stream>"""


class StreamParser:
    """feed() bytes, get a list of Header, Element and Close."""

    def __init__(self):
        self._expat = expat.ParserCreate(None, "}")
        if hasattr(self._expat, "SetReparseDeferralEnabled"):
            self._expat.SetReparseDeferralEnabled(False)
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._depth = 0
        self._builder = None
        self._events = []

    def feed(self, data):
        self._expat.Parse(data, False)
        events, self._events = self._events, []
        return events

    @staticmethod
    def _name(name):
        return "{" + name if "}" in name else name

    def _start(self, name, attributes):
        attributes = {self._name(k): v for k, v in attributes.items()}
        if self._depth == 0:
            self._events.append(Header(self._name(name), attributes))
        else:
            if self._depth == 1:
                self._builder = TreeBuilder()
            self._builder.start(self._name(name), attributes)
        self._depth += 1

    def _end(self, name):
        self._depth -= 1
        if self._depth == 0:
            self._events.append(Close())
            return
        self._builder.end(self._name(name))
        if self._depth == 1:
            self._events.append(self._builder.close())

    def _text(self, text):
        if self._depth > 1:
            self._builder.data(text)
