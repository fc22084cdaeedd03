// Hot: topic aliases, each way (MQTT 5 s3.3.2.3.4). They live as long as their connection.

/** What the client's aliases stand for. */
export class ReceivedAliases {
  readonly #max: number;
  #topics: string[] | null = null;

  /** `max` is what CONNACK said. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The topic of a PUBLISH with this alias; remembers it when the packet names it. "" when the alias is none, or stands for nothing. */
  resolve(topic: string, alias: number): string {
    if (alias === 0 || alias > this.#max) return ""; // [MQTT-3.3.2-8], [MQTT-3.3.2-9]
    if (topic === "") return this.#topics?.[alias] ?? "";
    this.#topics ??= [];
    this.#topics[alias] = topic;
    return topic;
  }
}

/** Aliases for topics sent to the client: the first topics get one and keep it. */
export class SentAliases {
  readonly #max: number;
  readonly #aliases = new Map<string, number>();
  /** Whether the topic that `find` was last asked about has to be named. */
  isNew = false;

  /** `max` is what the client said [MQTT-3.1.2-26]. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Takes back what `find` said last about a topic that was new: the client was not told. */
  forget(topic: string): void {
    if (this.isNew) this.#aliases.delete(topic);
  }

  /** The topic's alias; 0 when there is none left for it. */
  find(topic: string): number {
    const alias = this.#aliases.get(topic);
    this.isNew = alias === undefined;
    if (alias !== undefined) return alias;
    if (this.#aliases.size >= this.#max) return 0;
    this.#aliases.set(topic, this.#aliases.size + 1);
    return this.#aliases.size;
  }
}
