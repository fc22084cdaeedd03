// AUTH packets of one connection, as questions and answers (MQTT 5 s4.12).
import { ReasonCode, type ReasonPacket } from "@mooring/mqtt";
import { SignOnRefused } from "./connect.ts";
import type { Reauthenticate } from "./welcome-ports.ts";

/** What the exchange may cause. */
export interface AuthOutput {
  sendAuth(packet: ReasonPacket): void;
  close(reasonCode: number, word: string): void;
}

export class AuthExchange {
  readonly #method: string;
  readonly #out: AuthOutput;
  #answer: PromiseWithResolvers<Uint8Array> | undefined;
  #isRunning = false;

  constructor(method: string, out: AuthOutput) {
    this.#method = method;
    this.#out = out;
  }

  /** Says AUTH 0x18 [MQTT-4.12.0-2]. Rejects when the connection ends or the client answers with something else. */
  ask(data: Uint8Array): Promise<Uint8Array> {
    const answer = Promise.withResolvers<Uint8Array>();
    this.#answer = answer;
    this.#out.sendAuth({ reasonCode: ReasonCode.ContinueAuthentication, properties: this.#properties(data) });
    return answer.promise;
  }

  /** `reauthenticate` is given once the connection is open: only then may the client begin anew. */
  onAuth({ reasonCode, properties }: ReasonPacket, reauthenticate: Reauthenticate | undefined): void {
    // [MQTT-4.12.0-5], [MQTT-4.12.1-1]: the method stays.
    if (properties?.authenticationMethod !== this.#method) return this.#break();
    const data = properties.authenticationData;
    if (reasonCode === ReasonCode.ContinueAuthentication) {
      const answer = this.#answer;
      if (answer === undefined) return this.#break();
      this.#answer = undefined;
      answer.resolve(data ?? new Uint8Array(0));
      return;
    }
    if (reauthenticate === undefined || this.#isRunning) return this.#break();
    this.#isRunning = true;
    reauthenticate(data, (question) => this.ask(question)).then(
      (serverFinal) => {
        this.#isRunning = false;
        this.#out.sendAuth({ reasonCode: ReasonCode.Success, properties: this.#properties(serverFinal) });
      },
      // [MQTT-4.12.1-2]: who fails to prove itself again is not let stay.
      (error: unknown) =>
        this.#out.close(error instanceof SignOnRefused ? error.reasonCode : ReasonCode.UnspecifiedError, "reauthentication"),
    );
  }

  /** The connection is gone: nobody will answer. */
  end(): void {
    this.#answer?.reject(new SignOnRefused(ReasonCode.UnspecifiedError, "protocol"));
    this.#answer = undefined;
  }

  #properties(authenticationData: Uint8Array) {
    return { authenticationMethod: this.#method, ...(authenticationData.length === 0 ? {} : { authenticationData }) };
  }

  #break(): void {
    this.end();
    this.#out.close(ReasonCode.ProtocolError, "protocol");
  }
}
