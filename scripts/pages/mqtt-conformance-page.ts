import { mosquittoDeviations } from "../../test/conformance/mosquitto-deviations.ts";
import { specifications } from "../../test/conformance/statements/index.ts";
import type { Statement } from "../../test/conformance/statements/statement.ts";
import { sentenceOf, statementsOf, type TitledTest, titledTests } from "../../test/conformance/titles.ts";
import type { SpecName } from "../../test/conformance/versions.ts";

/** Every numbered statement of MQTT 3.1.1 and 5.0 with the tests that show it, and what mosquitto does otherwise. */
export function mqttConformancePage(): string {
  const tests = titledTests();
  return `# MQTT conformance

Made from \`test/conformance\` by \`npm run generate\`. \`npm run conformance\` judges our broker over its development listener;
\`MOORING_CONFORMANCE_BROKER=mosquitto npm run conformance\` judges Debian's mosquitto, and \`MOORING_CONFORMANCE_TARGET=host:port\` any other. The
sentences are ours; the numbers are those of Appendix B of each specification. MQTT 3.1 has no numbers and is tested by those of 3.1.1 where it
does not differ.

${(Object.keys(specifications) as SpecName[]).map((spec) => specification(spec, tests)).join("\n")}
## What mosquitto 2.0.11 does otherwise

The suite was proved against mosquitto first. Where it fails, it must fail: a test that passes against what is said here fails the run.

| test | versions | |
|---|---|---|
${mosquittoDeviations.map(({ title, versions, why }) => `| ${title} | ${versions.join(", ")} | ${why} |`).join("\n")}
`;
}

function specification(spec: SpecName, tests: readonly TitledTest[]): string {
  const statements = Object.entries(specifications[spec]);
  const byId = new Map<string, TitledTest[]>();
  for (const titled of tests) {
    for (const named of statementsOf(titled)) if (named.spec === spec) byId.set(named.id, [...(byId.get(named.id) ?? []), titled]);
  }
  const forServers = statements.filter(([, { who }]) => who !== "client");
  const tested = forServers.filter(([id]) => byId.has(id)).length;
  const rows = statements.map(
    ([id, statement]) => `| ${id} | ${statement.who} | ${statement.says} | ${shown(statement, byId.get(id) ?? [])} |`,
  );
  return `## MQTT ${spec}

${statements.length} statements: ${statements.length - forServers.length} about clients alone, ${forServers.length} that a server must obey, of which ${tested} are tested on the wire.

| MQTT- | who | statement | shown by |
|---|---|---|---|
${rows.join("\n")}
`;
}

function shown({ waived, shownBy = [] }: Statement, tests: readonly TitledTest[]): string {
  const here = tests.map(({ file, title }) => `${sentenceOf(title)} (\`${file}\`)`);
  const elsewhere = shownBy.map(({ file, title }) => `${title} (\`${file}\`)`);
  return [...(waived === undefined ? [] : [`*${waived}*`]), ...here, ...elsewhere].join("<br>");
}
