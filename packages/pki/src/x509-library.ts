// The library that puts certificates together and reads requests. Its container wants `Reflect.getMetadata` to be there before it loads.
// What it reads it reads as BER: strangers' bytes pass `assertDer` first. What it says of signatures is not asked: node:crypto verifies.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export { x509 };
