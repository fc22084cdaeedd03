import { errorTable } from "@mooring/contracts";

export function errorsPage(): string {
  const hex = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;
  const coap = (value: number): string => `${value >> 5}.${String(value & 31).padStart(2, "0")}`;
  const rows = Object.entries(errorTable).map(
    ([code, entry]) =>
      `| \`${code}\` | ${entry.title} | ${entry.http} | ${entry.grpc} | ${hex(entry.mqtt)} | ${coap(entry.coap)} | ${entry.alink} |`,
  );
  return `# Errors

Made from \`packages/contracts/src/errors.ts\` by \`npm run generate\`. Every error that crosses a border has one of these codes. REST answers
are problem details (RFC 9457) with \`code\`, and \`issues\` (JSON pointer and sentence) where fields are wrong; gRPC answers carry the code in
the trailer \`mooring-error-bin\` as JSON.

| code | meaning | HTTP | gRPC | MQTT 5 | CoAP | Alink |
|---|---|---|---|---|---|---|
${rows.join("\n")}
`;
}
