"""Eclipse Paho for Python as a client that nobody of this project wrote: `paho-client.py HOST PORT VERSION TRANSPORT PATH TOKEN SCENARIO`.

Runs one scenario and prints what it heard as one line of JSON. Works with Paho 1.6 (Debian 12) and 2.x.
"""
import json
import queue
import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, PORT, VERSION, TRANSPORT, PATH, TOKEN, SCENARIO = sys.argv[1:8]
V5 = VERSION == "5"
PROTOCOL = mqtt.MQTTv5 if V5 else mqtt.MQTTv311
WAIT_S = 10


def topic(rest="t"):
    return TOKEN + "/" + rest


def props(kind, **values):
    if not V5:
        return None
    made = Properties(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Client:
    def __init__(self, client_id="", kept=False, will=None):
        args = {"client_id": client_id, "protocol": PROTOCOL, "transport": TRANSPORT}
        if not V5:
            args["clean_session"] = not kept
        if hasattr(mqtt, "CallbackAPIVersion"):
            args["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
        self.client = mqtt.Client(**args)
        if TRANSPORT == "websockets":
            self.client.ws_set_options(path=PATH)
        if will:
            self.client.will_set(will, "gone", qos=1, retain=False)
        self.heard = queue.Queue()
        self.granted = queue.Queue()
        connected = threading.Event()
        self.session_present = None

        def on_connect(_client, _data, flags, _reason, *_more):
            self.session_present = bool(flags["session present"])
            connected.set()

        self.client.on_connect = on_connect
        self.client.on_subscribe = lambda *args: self.granted.put(args[3])
        self.client.on_message = lambda _client, _data, message: self.heard.put(message)
        options = {}
        if V5:
            options = {"clean_start": not kept, "properties": props(PacketTypes.CONNECT, SessionExpiryInterval=600 if kept else 0)}
        self.client.connect(HOST, int(PORT), keepalive=30, **options)
        self.client.loop_start()
        assert connected.wait(WAIT_S), "no CONNACK"

    def subscribe(self, name, qos=0, **options):
        if V5:
            self.client.subscribe(name, options=SubscribeOptions(qos=qos, **options))
        else:
            self.client.subscribe(name, qos)
        return self.granted.get(timeout=WAIT_S)

    def publish(self, name, payload, qos=0, retain=False, properties=None):
        sent = self.client.publish(name, payload, qos=qos, retain=retain, properties=properties)
        deadline = time.monotonic() + WAIT_S
        while not sent.is_published() and time.monotonic() < deadline:
            time.sleep(0.005)
        assert sent.is_published(), "not acknowledged"

    def next(self):
        message = self.heard.get(timeout=WAIT_S)
        return [message.topic, message.payload.decode(), message.qos, int(message.retain)], message

    def text(self):
        return self.next()[0]

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()

    def break_off(self):
        self.client.loop_stop()
        self.client._sock_close()


def round_trip():
    client = Client()
    client.subscribe(topic("#"), 2)
    out = []
    for qos in (0, 1, 2):
        client.publish(topic(str(qos)), "hello %d" % qos, qos)
        out.append(client.text())
    return out


def retained():
    client = Client()
    client.publish(topic(), "kept", 1, True)
    later = Client()
    later.subscribe(topic(), 1)
    return [later.text()]


def will():
    watcher = Client()
    watcher.subscribe(topic("will"), 1)
    broken = Client(will=topic("will"))
    broken.break_off()
    return [watcher.text()]


def session():
    client_id = TOKEN + "s"
    first = Client(client_id, kept=True)
    first.subscribe(topic(), 2)
    first.end()
    publisher = Client()
    for qos in (1, 2):
        publisher.publish(topic(), "missed %d" % qos, qos)
    again = Client(client_id, kept=True)
    return [again.session_present, sorted([again.text(), again.text()], key=lambda message: message[2])]


def properties():
    client = Client()
    client.subscribe(topic(), 1)
    said = props(
        PacketTypes.PUBLISH,
        UserProperty=[("z", "1"), ("a", "2")],
        ContentType="text/plain",
        ResponseTopic="r/1",
        CorrelationData=b"c-1",
        MessageExpiryInterval=600,
        PayloadFormatIndicator=1,
        TopicAlias=1,
    )
    client.publish(topic(), "x", 1, properties=said)
    _, message = client.next()
    got = message.properties
    return [
        [list(pair) for pair in got.UserProperty],
        got.ContentType,
        got.ResponseTopic,
        got.CorrelationData.decode(),
        got.MessageExpiryInterval in (599, 600),
        got.PayloadFormatIndicator,
    ]


def options():
    client = Client()
    other = Client()
    client.subscribe(topic("local"), 1, noLocal=True)
    client.publish(topic("local"), "own", 1)
    other.publish(topic("local"), "other's", 1)
    heard = [client.text()[1]]
    client.publish(topic("kept"), "kept", 1, True)
    client.subscribe(topic("kept"), 1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
    other.publish(topic("kept"), "live", 1)
    heard.append(client.text()[1])
    return heard


SCENARIOS = [round_trip, retained, will, session, properties, options]
print(json.dumps({scenario.__name__: scenario for scenario in SCENARIOS}[SCENARIO]()))
