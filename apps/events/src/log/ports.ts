/** A part of the log that comes and goes as a whole. */
export interface Segment {
  readonly name: string;
  /** Offsets from `from` (inclusive) to `to` (exclusive). */
  readonly from: number;
  readonly to: number;
  /** On disk, with indexes. */
  readonly bytes: number;
  /** The highest offset in it. This and the times are undefined while it is empty. */
  readonly last: number | undefined;
  readonly firstReceivedMs: number | undefined;
  readonly lastReceivedMs: number | undefined;
}

export interface ConsumerState {
  readonly name: string;
  /** It has done everything up to here, as it last said. */
  readonly offset: number;
  /** Age of the first record after it; 0 when there is none. */
  readonly lagS: number;
}

export interface LogState {
  /** Where the segment begins that the next record goes to. */
  readonly current: number;
  readonly next: number;
  readonly isNextThere: boolean;
  /** The highest offset there is; 0 for none. */
  readonly end: number;
  readonly consumers: readonly ConsumerState[];
}

/** The log as what keeps it in order sees it. */
export interface LogSegments {
  /** Makes the segment that begins there, unless it is there. */
  ensure(from: number): Promise<void>;
  state(): Promise<LogState>;
  /** Lowest first. */
  list(): Promise<readonly Segment[]>;
  /** Lets the next record begin a segment. False when the segment at `from` is not the current one any more. */
  close(from: number): Promise<boolean>;
  drop(segment: Segment): Promise<void>;
  /** Finishes what a process that died while dropping has left. */
  dropRests(): Promise<void>;
  /** Runs `work` unless another process is at it; says whether it ran. */
  alone(work: () => Promise<void>): Promise<boolean>;
}

/** Remembers how far consumers of the log have got. */
export interface ConsumerStore {
  /** Forwards only: an offset below the stored one changes nothing. */
  save(name: string, offset: number): Promise<void>;
}
