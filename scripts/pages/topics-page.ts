import { topicTable } from "@mooring/contracts";

export function topicsPage(): string {
  const rows = topicTable.map((entry) => {
    const topic = entry.pattern.replace("*", "{name}");
    return `| \`${topic}\` | ${entry.direction === "up" ? "publishes" : "subscribes"} | ${entry.meaning} |`;
  });
  return `# Topics

Made from \`packages/contracts/src/topics.ts\` by \`npm run generate\`. The same strings are the paths of the HTTPS door. A device may use its own
topics and nobody else's.

| topic | the device | meaning |
|---|---|---|
${rows.join("\n")}
| \`/{productKey}/{deviceName}/user/{anything}\` | publishes | a message of its own making, stored as it is |

Over MQTT a device whose name has no dot may leave out its product's key in AWS's form: \`$aws/things/{deviceName}/shadow/…\`, as firmware written for AWS names its thing.
`;
}
