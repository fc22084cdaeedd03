/** A broker that runs: what is measured is the process with all its children. */
export interface Broker {
  readonly pid: number;
  readonly version: string;
  /** host:port, without TLS and with; with TLS a client certificate is required. */
  readonly mqtt: string;
  readonly mqtts: string;
  stop(): Promise<void>;
}

/** What brokers and the load generator show each other: P-256 all through, in files, PEM. */
export interface Certificates {
  readonly authorityFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly clientCertificateFile: string;
  readonly clientKeyFile: string;
}
