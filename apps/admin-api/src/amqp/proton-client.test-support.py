"""A back end written with Qpid Proton: receives, settles as told, prints a line per message. Arguments: a JSON object."""
import base64
import hmac
import json
import sys
import time

from proton import SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import Container, LinkOption
from proton.utils import BlockingConnection


class PreSettled(LinkOption):
    def apply(self, link):
        link.snd_settle_mode = link.SND_SETTLED


class Receiver(MessagingHandler):
    def __init__(self, options):
        super().__init__(prefetch=options.get("prefetch", 10), auto_accept=False)
        self.options = options
        self.got = 0

    def on_start(self, event):
        options = self.options
        domain = None
        if "ca" in options:
            domain = SSLDomain(SSLDomain.MODE_CLIENT)
            domain.set_trusted_ca_db(options["ca"])
            # Proton knows no IP addresses in certificates.
            domain.set_peer_authentication(SSLDomain.VERIFY_PEER if options.get("any_name") else SSLDomain.VERIFY_PEER_NAME)
        connection = event.container.connect(
            options["url"],
            user=options["user"],
            password=options["password"],
            allowed_mechs="PLAIN",
            allow_insecure_mechs=True,
            reconnect=False,
            heartbeat=options.get("heartbeat", 30),
            ssl_domain=domain,
        )
        for number in range(options.get("links", 1)):
            link_options = [PreSettled()] if options.get("presettled") else None
            event.container.create_receiver(connection, "default", name="link-%d" % number, options=link_options)

    def on_message(self, event):
        message, options = event.message, self.options
        self.got += 1
        say(
            body=bytes(message.body).decode(),
            binary=isinstance(message.body, (bytes, memoryview)),
            id=message.id,
            properties=message.properties,
            durable=message.durable,
        )
        outcome = options.get("outcomes", ["accept"])
        word = outcome[min(self.got - 1, len(outcome) - 1)]
        if word == "accept" and not event.delivery.settled:
            self.accept(event.delivery)
        elif word == "reject":
            self.reject(event.delivery)
        elif word == "release":
            self.release(event.delivery, delivered=False)
        elif word == "modify":
            self.release(event.delivery, delivered=True)
        if self.got >= options["want"]:
            event.connection.close()

    def on_transport_error(self, event):
        say(transport=str(event.transport.condition))

    def on_connection_error(self, event):
        say(connection=event.connection.remote_condition.name)

    def on_link_error(self, event):
        say(link=event.link.remote_condition.name)
        event.connection.close()


def say(**what):
    print(json.dumps(what, default=str), flush=True)


def poll(options):
    """Asks for so many with the blocking client, drains the rest of its credit, prints what came, and goes."""
    connection = BlockingConnection(
        options["url"], user=options["user"], password=options["password"], allowed_mechs="PLAIN", allow_insecure_mechs=True
    )
    receiver = connection.create_receiver("default", credit=0)
    receiver.link.drain(options["want"])
    connection.wait(lambda: not receiver.link.draining() and receiver.link.queued == 0, timeout=10)
    while receiver.fetcher.has_message:
        message = receiver.receive(timeout=1)
        say(body=bytes(message.body).decode())
        if options.get("settle", True):
            receiver.accept()
    connection.close()


arguments = json.loads(sys.argv[1])
if "sign" in arguments:
    sign, timestamp = arguments["sign"], int(time.time() * 1000)
    content = "authId=%s&timestamp=%d" % (sign["authId"], timestamp)
    digest = hmac.new(sign["secret"].encode(), content.encode(), sign["method"][len("hmac") :]).digest()
    arguments["user"] = arguments["user"].replace("{timestamp}", str(timestamp))
    arguments["password"] = base64.b64encode(digest).decode()
if arguments.get("drain"):
    poll(arguments)
else:
    Container(Receiver(arguments)).run()
