import { expect, test } from "vitest";
import { formats } from "./formats.ts";

test.each([
  ["date", "2024-02-29", true],
  ["date", "2023-02-29", false],
  ["date", "1900-02-29", false],
  ["date", "2025-13-01", false],
  ["date", "2025-1-1", false],
  ["time", "10:20:30Z", true],
  ["time", "10:20:30.123+02:00", true],
  ["time", "10:20:30", false],
  ["time", "24:00:00Z", false],
  ["time", "23:59:60Z", true],
  ["time", "15:59:60-08:00", true],
  ["time", "12:00:60Z", false],
  ["date-time", "2025-11-01T10:20:30Z", true],
  ["date-time", "2025-11-01t10:20:30z", true],
  ["date-time", "2025-11-01 10:20:30Z", false],
  ["date-time", "2025-11-31T10:20:30Z", false],
  ["uri", "coap://[::1]/a?b#c", true],
  ["uri", "urn:uuid:1", true],
  ["uri", "/a/b", false],
  ["uri", "http://a b", false],
  ["uri", "http://a/%zz", false],
  ["uri", "http://a/#b#c", false],
  ["uri-reference", "/a/b?c", true],
  ["uri-reference", "", true],
  ["uri-reference", "1:2", false],
  ["uri-reference", "./1:2", true],
  ["uuid", "123e4567-e89b-12d3-a456-426614174000", true],
  ["uuid", "123e4567e89b12d3a456426614174000", false],
])("format %s: %j is valid: %s [RFC 3339, RFC 3986, RFC 9562]", (format, text, valid) => {
  expect(formats.get(format)?.(text)).toBe(valid);
});
