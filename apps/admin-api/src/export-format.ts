import type { HistoryPoint } from "@mooring/contracts";

/** How points are written into a file. Every point is one line, so that a file may be cut and read by lines. */
export interface ExportFormat {
  readonly contentType: string;
  /** What stands before the first point. */
  readonly head: string;
  line(point: HistoryPoint): string;
}

export const exportFormatNames = ["csv", "ndjson"] as const;
export type ExportFormatName = (typeof exportFormatNames)[number];

export const exportFormats: Readonly<Record<ExportFormatName, ExportFormat>> = {
  /**
   * RFC 4180, with a header line. The value is always JSON text: so a string and a number that look alike stay apart, a line break inside is
   * escaped, and no cell can begin like a formula of a spreadsheet (= + - @): a string begins with its quotation mark, and what begins with a
   * minus is a number.
   */
  csv: {
    contentType: "text/csv; charset=utf-8; header=present",
    head: "time,value,messageId\r\n",
    line: ({ timeMs, value, messageId }) => `${toTime(timeMs)},${csvField(JSON.stringify(value))},${csvField(messageId)}\r\n`,
  },
  /** One JSON object per line, with the members of a point of the history. */
  ndjson: {
    contentType: "application/x-ndjson",
    head: "",
    line: ({ timeMs, value, messageId }) => `${JSON.stringify({ time: toTime(timeMs), value, messageId })}\n`,
  },
};

/** The same for points of several properties: each says of which it is. A name in CSV is JSON text as well. */
export const manyExportFormats: Readonly<Record<ExportFormatName, ExportFormat>> = {
  csv: {
    ...exportFormats.csv,
    head: "time,property,value,messageId\r\n",
    line: ({ property, timeMs, value, messageId }) =>
      `${toTime(timeMs)},${csvField(JSON.stringify(property))},${csvField(JSON.stringify(value))},${csvField(messageId)}\r\n`,
  },
  ndjson: {
    ...exportFormats.ndjson,
    line: ({ property, timeMs, value, messageId }) => `${JSON.stringify({ time: toTime(timeMs), property, value, messageId })}\n`,
  },
};

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** RFC 4180 §2.5 to §2.7. */
function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 6266 with the name in ASCII for those who do not know RFC 8187. */
export function contentDisposition(fileName: string): string {
  const ascii = fileName.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  const encoded = encodeURIComponent(fileName).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
