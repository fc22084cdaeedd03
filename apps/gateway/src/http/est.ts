// Enrollment over Secure Transport (RFC 7030). `{productKey}/` may stand before each operation, as the label of §3.2.2.
//   GET  /.well-known/est/cacerts          the tenant's own authorities, for everybody                                       §4.1
//   POST /.well-known/est/simpleenroll     a first certificate of the platform's: see est-client.ts for who gets it         §4.2.1
//   POST /.well-known/est/simplereenroll   the next one; the one shown in the handshake is superseded after the overlap      §4.2.2
import type { TLSSocket } from "node:tls";
import { type DeviceApi, deviceCaller, PlatformError, productKeyPattern, serviceCaller } from "@mooring/contracts";
import { createCertsOnly, readRequestName } from "@mooring/pki";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { provisionNatively } from "../route/provisioning.ts";
import { fingerprintOf } from "../route/renewal.ts";
import { type EstClient, type EstClientDeps, estOrigin, identifyEstClient, serverNameOf } from "./est-client.ts";
import { rename } from "./provisioning.ts";

export interface EstDeps extends EstClientDeps {
  readonly devices: EstClientDeps["devices"] & Pick<DeviceApi, "renewCertificate" | "enrollCertificate" | "getAuthorityCertificates">;
  /** The client is known: its connection counts as a stranger's no more. */
  readonly onKnown: (request: FastifyRequest) => void;
  /** Takes a place among the device's requests under way, or throws; the answer gives it back. */
  readonly enter: (deviceId: string) => () => void;
}

const estStart = "/.well-known/est/";
const requestType = "application/pkcs10";
/** A request with an 8192-bit key is 3 KB of DER. */
const bodyBytesMax = 32 * 1024;

export function addEst(app: Pick<FastifyInstance, "route">, deps: EstDeps): void {
  app.route({
    method: ["GET", "POST"],
    url: `${estStart}*`,
    handler: async (request, reply) => {
      const { productKey, operation } = readPath(request.url);
      if (operation === "cacerts") {
        assertMethod(request, "GET");
        return send(reply, await authoritiesFor(deps, request, productKey));
      }
      if (operation !== "simpleenroll" && operation !== "simplereenroll")
        throw new PlatformError("notFound", "of EST there are cacerts, simpleenroll and simplereenroll here");
      assertMethod(request, "POST");
      // Who sends nothing that tells who it is may send a name and a secret (RFC 7030 §3.2.3).
      reply.header("www-authenticate", 'Basic realm="est", charset="UTF-8"');
      const client = await identifyEstClient(deps, request);
      reply.removeHeader("www-authenticate");
      assertProduct(client, productKey);
      // Who is provisioned comes again as itself.
      if (client.kind === "claim") reply.header("connection", "close");
      return send(reply, await enroll(deps, client, operation === "simplereenroll", request));
    },
  });
}

/** Whose authorities: of the product in the path, of who shows a certificate, of the host name that was said, or of the only tenant there is. */
async function authoritiesFor(deps: EstDeps, request: FastifyRequest, given: string | undefined): Promise<string> {
  const socket = request.raw.socket as TLSSocket;
  const isKnown = given === undefined && socket.getPeerX509Certificate() !== undefined;
  const productKey = isKnown ? productOf(await identifyEstClient(deps, request)) : given;
  const serverName = serverNameOf(socket);
  const { certificatesPem } = await deps.devices.getAuthorityCertificates(serviceCaller("gateway"), {
    ...(productKey !== undefined && { productKey }),
    ...(serverName !== undefined && { serverName }),
  });
  return certificatesPem;
}

async function enroll(deps: EstDeps, client: EstClient, isAgain: boolean, request: FastifyRequest): Promise<string> {
  const csrPem = readRequest(request);
  if (client.kind === "claim") {
    if (isAgain) throw new PlatformError("permissionDenied", "a claim has nothing to renew: use simpleenroll");
    return provision(deps, client.claim, csrPem, request).catch(rename);
  }
  const { device, credentialId } = client.identity;
  deps.onKnown(request);
  const leave = deps.enter(device.deviceId);
  try {
    const fingerprint = fingerprintOf(credentialId);
    const caller = deviceCaller(device);
    if (fingerprint !== "")
      return (await deps.devices.renewCertificate(caller, { csrPem, fingerprint, keepsOld: !isAgain })).certificatePem;
    if (isAgain) throw new PlatformError("permissionDenied", "a certificate is renewed by showing it in the TLS handshake");
    return (await deps.devices.enrollCertificate(caller, { csrPem })).certificatePem;
  } finally {
    leave();
  }
}

/** The request's subject says which of the claim's devices it is: its serialNumber, or else its common name. */
async function provision(
  deps: EstDeps,
  claim: Extract<EstClient, { readonly kind: "claim" }>["claim"],
  csrPem: string,
  request: FastifyRequest,
): Promise<string> {
  const { serialNumber, commonName } = readRequestName(csrPem);
  const serial = serialNumber ?? commonName;
  if (serial === undefined || serial === "")
    throw new PlatformError(
      "invalidArgument",
      "the request's subject must have a serialNumber or a common name: it says which device this is",
    );
  return (await provisionNatively(deps, claim, { csr: csrPem, serial }, estOrigin(request))).certificatePem;
}

const productOf = (client: EstClient): string => (client.kind === "claim" ? client.claim.productKey : client.identity.device.productKey);

function assertProduct(client: EstClient, productKey: string | undefined): void {
  if (productKey !== undefined && productKey !== productOf(client))
    throw new PlatformError("permissionDenied", "the path names a product that is not the client's");
}

/** Percent-encoding is for characters that stand in no such path. */
function readPath(url: string): { readonly productKey: string | undefined; readonly operation: string } {
  const [path = ""] = url.slice(estStart.length).split("?", 1);
  const [first = "", second, ...more] = path.split("/");
  if (second === undefined) return { productKey: undefined, operation: first };
  if (more.length > 0 || !productKeyPattern.test(first))
    throw new PlatformError("notFound", "the path must be {operation} or {productKey}/{operation}");
  return { productKey: first, operation: second };
}

function assertMethod({ method }: FastifyRequest, right: "GET" | "POST"): void {
  if (method !== right) throw new PlatformError("methodNotAllowed", `use ${right} here`);
}

/** The body is base64 of the request in DER, whatever Content-Transfer-Encoding says (RFC 8951 §3.1). */
function readRequest({ body, headers }: FastifyRequest): string {
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== requestType) throw new PlatformError("unsupportedMediaType", `the body must be ${requestType}`);
  const text = body instanceof Buffer && body.length <= bodyBytesMax ? body.toString("latin1").replaceAll(/\s/g, "") : "";
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new PlatformError("invalidArgument", "the body must be a PKCS #10 request in base64");
  const lines = text.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
}

function send(reply: FastifyReply, certificatesPem: string): FastifyReply {
  const lines = createCertsOnly(certificatesPem)
    .toString("base64")
    .match(/.{1,76}/g);
  return reply
    .header("content-type", "application/pkcs7-mime; smime-type=certs-only")
    .header("content-transfer-encoding", "base64")
    .send(`${lines?.join("\r\n")}\r\n`);
}
