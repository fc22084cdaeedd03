/** Runs until V8 has collected feedback for a function: a handful; more costs nothing. */
const runs = 64;

/**
 * Makes methods of strings fast again. A class that extends String (ioredis has one) turns `String.prototype` into a dictionary, and from then on no
 * optimized code knows what `charCodeAt` is: each character costs a look-up, two and a half times what checking a topic takes. V8 undoes it when code
 * that has run a few times reads a property through an object that inherits from it (`JSObject::MakePrototypesFast`). Called when all modules are
 * loaded; harmless when there is nothing to mend.
 */
export function makeStringsFast(): void {
  const text = new String("");
  for (let run = 0; run < runs; run++) readMethod(text);
}

function readMethod(text: object): unknown {
  return (text as { charCodeAt: unknown }).charCodeAt;
}
