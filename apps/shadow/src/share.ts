interface Asking<T> {
  /** Settles with the lookup under way; never rejects. */
  readonly done: Promise<unknown>;
  /** The lookup after it, of all who have asked since it began. */
  next: Promise<T> | undefined;
}

/**
 * Many who ask for the same at the same time share one lookup, that begins after they asked: a lookup under way may have been read before what the
 * asker knows already, such as that the device was deleted. So of one key one lookup runs at a time, and all who come meanwhile share the next.
 */
export function createSharedLookup<T>(): (key: string, look: () => Promise<T>) => Promise<T> {
  const asking = new Map<string, Asking<T>>();
  const start = (key: string, look: () => Promise<T>): Promise<T> => {
    const lookup = look();
    const done = lookup.then(
      () => asking.delete(key),
      () => asking.delete(key),
    );
    asking.set(key, { done, next: undefined });
    return lookup;
  };
  return (key, look) => {
    const there = asking.get(key);
    if (there === undefined) return start(key, look);
    there.next ??= there.done.then(() => start(key, look));
    return there.next;
  };
}
