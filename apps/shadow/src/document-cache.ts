import type { ShadowDocument } from "./document.ts";

/** As many as a busy process changes within a while; with sections of 1 KB and their metadata about 100 MB as objects. */
const documentsMax = 20_000;
/** Of both sections as JSON, over all documents. */
const bytesMax = 16 * 1024 * 1024;

/**
 * Documents as they were last committed, so that those that change all the time need not be read and parsed each time. Whoever uses one compares
 * its version with the stored one, under the lock: versions never repeat, so equal versions are equal documents.
 */
export class DocumentCache {
  readonly #documents = new Map<string, ShadowDocument>();
  #bytes = 0;

  get(id: string): ShadowDocument | undefined {
    return this.#documents.get(id);
  }

  /** The last one put in is the last to go. */
  put(id: string, document: ShadowDocument): void {
    this.#remove(id);
    this.#documents.set(id, document);
    this.#bytes += document.bytesAtMost;
    while (this.#documents.size > documentsMax || this.#bytes > bytesMax) {
      const oldest = this.#documents.keys().next().value;
      if (oldest === undefined) return;
      this.#remove(oldest);
    }
  }

  clear(): void {
    this.#documents.clear();
    this.#bytes = 0;
  }

  #remove(id: string): void {
    const there = this.#documents.get(id);
    if (there === undefined) return;
    this.#documents.delete(id);
    this.#bytes -= there.bytesAtMost;
  }
}
