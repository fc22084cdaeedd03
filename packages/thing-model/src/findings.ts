import { limits } from "./limits.ts";

/** Something a model's writer should know. A model with an `error` cannot be compiled. */
export interface Finding {
  readonly severity: "error" | "warning";
  /** JSON pointer (RFC 6901) into the document as it was written. */
  readonly pointer: string;
  /** One sentence. */
  readonly message: string;
}

/** Collects findings up to `limits.findingsMax`; the last one then says that there are more. Errors are never lost behind warnings. */
export class Findings {
  readonly #errors: Finding[] = [];
  readonly #warnings: Finding[] = [];
  #more = false;

  error(pointer: string, message: string): void {
    this.#add(this.#errors, { severity: "error", pointer, message });
  }

  warning(pointer: string, message: string): void {
    this.#add(this.#warnings, { severity: "warning", pointer, message });
  }

  /** Appends findings another step made. */
  append(findings: readonly Finding[]): void {
    for (const finding of findings) this.#add(finding.severity === "error" ? this.#errors : this.#warnings, finding);
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0;
  }

  /** True once nothing further would be kept, so that long loops may stop looking. */
  get isFull(): boolean {
    return this.#errors.length >= limits.findingsMax;
  }

  /** Errors first, each group in the order found. */
  list(): readonly Finding[] {
    const all = [...this.#errors, ...this.#warnings].slice(0, limits.findingsMax);
    if (this.#more || this.#errors.length + this.#warnings.length > limits.findingsMax) {
      const severity = this.#errors.length > 0 ? "error" : "warning";
      all[limits.findingsMax - 1] = { severity, pointer: "", message: "There are more findings than are listed." };
    }
    return all;
  }

  #add(list: Finding[], finding: Finding): void {
    if (list.length < limits.findingsMax) list.push(finding);
    else this.#more = true;
  }
}

/** True when one of them is an error. */
export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === "error");
}
