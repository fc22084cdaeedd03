/** Wall time in integer milliseconds since 1970. Passed in, so that tests own it. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** For deadlines and intervals of this process: milliseconds since some moment, which no one can set. Means nothing to another process. */
export const monotonicClock: Clock = { now: () => performance.now() };

/** How much faster or slower than time it goes while the wall clock says something else. A real drift is far smaller. */
const slewShare = 1 / 60;

/**
 * Wall time for what decides how old something is: a wall clock that is set makes nothing old at once. It goes on with monotonic time and follows
 * the wall clock by a minute an hour. After a sleep of the machine it is late, so that things are kept too long rather than too short.
 */
export function createSteadyClock(wall: Clock = systemClock, monotonic: Clock = monotonicClock): Clock {
  let atMs = monotonic.now();
  let nowMs = wall.now();
  return {
    now() {
      const passedMs = monotonic.now() - atMs;
      atMs += passedMs;
      nowMs += passedMs;
      const slewMsMax = passedMs * slewShare;
      nowMs += Math.max(-slewMsMax, Math.min(slewMsMax, wall.now() - nowMs));
      return Math.round(nowMs);
    },
  };
}

export const steadyClock: Clock = createSteadyClock();
