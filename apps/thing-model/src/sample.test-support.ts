/** A small model; `maximum` makes one differ from another. */
export function makeDocument(maximum = 120): string {
  return JSON.stringify({
    info: { title: "Thermostat", version: "2026-01-01" },
    namespace: { mooring: "https://mooring.example/models" },
    defaultNamespace: "mooring",
    sdfObject: { Thermostat: { sdfProperty: { Temperature: { type: "number", maximum, writable: false } } } },
  });
}
